/** Whether all nodes of two pools speak versions that all of them understand. */
import type { NodeState, VersionVector } from "../../wire/gossip/messages.ts";

/** What the check looks at. */
export interface SpokenVersions {
  readonly name: string;
  readonly state: NodeState;
  readonly vsn: VersionVector;
}

/**
 * Why the pools must not be merged, in the reference's words, or `undefined`.
 *
 * What is common counts only those alive; but every node listed, dead ones too, must speak within that.
 * Source: protocol reference, gossip-memberlist section 5.
 */
export function protocolProblem(
  remote: readonly SpokenVersions[],
  local: readonly SpokenVersions[],
): string | undefined {
  const protocol = commonRange(remote, local, 0);
  const upper = commonRange(remote, local, 3);
  for (const nodes of [remote, local]) {
    for (const { name, vsn } of nodes) {
      const pCur = vsn[2] ?? 0;
      const dCur = vsn[5] ?? 0;
      if (pCur < protocol.min || pCur > protocol.max) {
        return `Node '${name}' protocol version (${pCur}) is incompatible: [${protocol.min}, ${protocol.max}]`;
      }
      if (dCur < upper.min || dCur > upper.max) {
        return `Node '${name}' delegate protocol version (${dCur}) is incompatible: [${upper.min}, ${upper.max}]`;
      }
    }
  }
  return undefined;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** The highest minimum and the lowest maximum; `at`: where the minimum stands in the vector. */
function commonRange(remote: readonly SpokenVersions[], local: readonly SpokenVersions[], at: 0 | 3): Range {
  let min = 0;
  let max = 255;
  for (const nodes of [remote, local]) {
    for (const { state, vsn } of nodes) {
      // Nodes of ancient versions list none: those only have to speak within the range, as version 0.
      if (state !== "alive" || vsn.length === 0) continue;
      min = Math.max(min, vsn[at] ?? 0);
      max = Math.min(max, vsn[at + 1] ?? 0);
    }
  }
  return { min, max };
}
