/** Methods that any server answers about itself. Source: protocol reference, RPC section 8. */
import type { Infer } from "../schema/codec.ts";
import { str, uint } from "../schema/scalars.ts";
import { struct } from "../schema/struct.ts";
import { method } from "./method.ts";

const Empty = struct("Empty", {});

/** Where a server's log stands; `LastContact` is text such as `12ms`, `0` on the leader, `never`. */
export const RaftStats = struct("RaftStats", { LastContact: str, LastTerm: uint, LastIndex: uint });
export type RaftStats = Infer<typeof RaftStats>;

export const statusPing = method("Status.Ping", Empty, Empty);
export const statusRaftStats = method("Status.RaftStats", Empty, RaftStats);
