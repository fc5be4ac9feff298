/** What a gossip node is started with: its place in the pool, and the world it runs in. */
import type { Clock } from "../../lib/clock.ts";
import type { IpNetwork } from "../../lib/ip.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Net, NetAddress } from "../../lib/net.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Aead } from "../../wire/gossip/encryption.ts";
import type { Keyring } from "../../wire/gossip/keyring.ts";
import type { MemberCheck } from "../core/member-checks.ts";
import type { SerfOptions } from "../core/serf-options.ts";
import type { SwimOptions } from "../core/swim-options.ts";
import type { KeyringFile, SnapshotFile } from "./gossip-files.ts";

export interface GossipNodeOptions {
  /** Unique in the pool; servers in the WAN pool are `node.datacenter`. */
  readonly name: string;
  /** Where to listen, by UDP and TCP; port 0 takes a free one. */
  readonly bind: NetAddress;
  /** The IP address that others are told; absent: the one that is bound. */
  readonly advertiseHost?: string | undefined;
  /** The port that others are told; absent: the one that is bound. */
  readonly advertisePort?: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** `packetOverheadBytes` is worked out from keys and label. */
  readonly swim: SwimOptions;
  readonly serf: SerfOptions;
  /** Whom the pool lets in; absent: anybody. */
  readonly check?: MemberCheck | undefined;
  /** Whether a vote decides who keeps a name that two nodes claim. Consul's servers have it off, its clients on. */
  readonly resolveNameConflicts: boolean;
  /** Absent: nothing is encrypted, and keys cannot be installed either. */
  readonly keyring?: Keyring | undefined;
  /** Refuse what is not encrypted although there are keys. */
  readonly verifyIncoming: boolean;
  /** Encrypt what is sent if there are keys. */
  readonly verifyOutgoing: boolean;
  /** "" for none; pools with different labels do not hear each other. */
  readonly label: string;
  readonly compression: boolean;
  /** Networks that members must be in; absent: anywhere. */
  readonly allowedNetworks?: readonly IpNetwork[] | undefined;
  /** Whether network coordinates are measured and told; absent: they are. */
  readonly coordinates?: boolean | undefined;
  /** Whether a restart joins the pool again although this node had left it. */
  readonly rejoinAfterLeave: boolean;
}

export interface GossipNodeParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Unpredictable bytes for nonces; in production not a seeded generator. */
  readonly nonces: Pick<Rng, "bytes">;
  readonly aead: Aead;
  /** For SWIM and the network. */
  readonly memberlistLog: Log;
  /** For members, events and queries. */
  readonly serfLog: Log;
  readonly metrics: Metrics;
  /** Absent: nothing is remembered across restarts. */
  readonly snapshotFile?: SnapshotFile | undefined;
  /** Absent: changes of keys are not remembered. */
  readonly keyringFile?: KeyringFile | undefined;
}
