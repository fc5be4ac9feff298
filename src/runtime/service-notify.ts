/** Tells the service manager how the agent does. Source: systemd, sd_notify(3). */
import { openUnixDatagrams, systemMonotonicUs } from "./unix-datagram.ts";

export type ServiceState = "ready" | "reloading" | "stopping";

/** Tells a state; never rejects. Does nothing without a manager that listens. */
export async function notifyService(
  state: ServiceState,
  socketPath = process.env["NOTIFY_SOCKET"] ?? "",
): Promise<void> {
  if (socketPath === "") return;
  using socket = await openUnixDatagrams(socketPath);
  socket?.send(await messageOf(state));
}

async function messageOf(state: ServiceState): Promise<string> {
  switch (state) {
    case "ready":
      return "READY=1";
    case "reloading": {
      // Managers that wait for reloads compare it with the time of their request.
      const nowUs = await systemMonotonicUs();
      return nowUs === undefined ? "RELOADING=1" : `RELOADING=1\nMONOTONIC_USEC=${nowUs}`;
    }
    case "stopping":
      return "STOPPING=1";
    default:
      return state satisfies never;
  }
}
