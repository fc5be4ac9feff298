import { Refusal } from "../state/refusal.ts";
import { RpcError } from "../wire/rpc/method.ts";

/** The value, unless it is a refusal, which is thrown as the `RpcError` that the client sees. */
export function unlessRefused<T>(answer: T | Refusal): T {
  if (answer instanceof Refusal) throw new RpcError(answer.text);
  return answer;
}
