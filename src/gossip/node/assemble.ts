/** Builds a gossip node's parts and opens its doors. Which part does what is drawn in `gossip-node.ts`. */
import { assert, unreachable } from "../../lib/assert.ts";
import type { WallMs } from "../../lib/clock.ts";
import { networkContains, parseIp } from "../../lib/ip.ts";
import { encodeMessage } from "../../wire/gossip/bodies.ts";
import { encryptionOverheadBytes } from "../../wire/gossip/encryption.ts";
import { labelOverheadBytes } from "../../wire/gossip/label.ts";
import { PacketCodec, type GossipSecurity } from "../../wire/gossip/packet-codec.ts";
import { serfCodec } from "../../wire/gossip/serf-codec.ts";
import type { SerfSnapshot } from "../core/serf-snapshot.ts";
import { Serf } from "../core/serf.ts";
import type { SwimInput, SwimOutcome } from "../core/swim-effects.ts";
import { Swim } from "../core/swim.ts";
import { Cores } from "./cores.ts";
import type { GossipNodeOptions, GossipNodeParts } from "./gossip-options.ts";
import { openGossipSockets, type GossipSockets } from "./gossip-sockets.ts";
import { InboundStreams, type InboundRequest } from "./inbound-streams.ts";
import { Joiner } from "./joiner.ts";
import { KeyringHolder } from "./keyring-holder.ts";
import { PacketIntake } from "./packet-intake.ts";
import { SerfCarrier } from "./serf-carrier.ts";
import { StreamClient } from "./stream-client.ts";
import { SwimCarrier } from "./swim-carrier.ts";
import { matchesTag } from "./tag-matcher.ts";

/** Everything that makes up one running node. */
export interface GossipParts {
  readonly sockets: GossipSockets;
  readonly swim: Swim;
  readonly serf: Serf;
  readonly cores: Cores;
  readonly inbound: InboundStreams;
  readonly client: StreamClient;
  readonly joiner: Joiner;
  readonly carrier: SerfCarrier;
  readonly keys: KeyringHolder;
}

export interface AssemblyExtras {
  readonly snapshot: SerfSnapshot | undefined;
  /** Called when the node must stop. */
  readonly stop: () => void;
}

/** What the doors do with what comes in. */
interface Intake {
  readonly codec: PacketCodec;
  readonly security: () => GossipSecurity;
  readonly input: (input: SwimInput) => void;
}

/** The cores run when it is done. Rejects with `GossipError` if the doors cannot be opened. */
export async function assembleGossip(
  options: GossipNodeOptions,
  parts: GossipNodeParts,
  extras: AssemblyExtras,
): Promise<GossipParts> {
  const { clock, metrics, net, memberlistLog: log, serfLog, snapshotFile } = parts;
  const keys = new KeyringHolder(options.keyring, parts.keyringFile);
  const security = securityOf(options, parts, keys);
  const codec = new PacketCodec(security);
  // The doors open before the cores are there, which must know the port; what comes in between is lost.
  const later: { cores: Cores | undefined } = { cores: undefined };
  const input = (one: SwimInput): void => later.cores?.input(one);
  const { inbound, sockets } = await openDoors(options, parts, { codec, security, input });
  const client = new StreamClient({ net, clock, metrics, security, localHost: undefined });
  const bindPort = sockets.address.port;
  const { swim, serf } = makeCores(options, parts, { bindPort, snapshot: extras.snapshot });
  const joiner = new Joiner({ net, log, portDefault: bindPort, input });
  const carrier: SerfCarrier = new SerfCarrier({
    cores: () => cores,
    clock,
    joiner,
    keys,
    log: serfLog,
    metrics,
    snapshotFile,
    stop: extras.stop,
  });
  const send = (to: Parameters<GossipSockets["send"]>[0], bytes: Uint8Array): void => sockets.send(to, bytes);
  const outcome = (one: SwimOutcome): void => settle(one, joiner, carrier);
  const swimCarrier = new SwimCarrier({ clock, codec, send, client, inbound, log, metrics, input, outcome });
  const cores = new Cores({
    swim,
    serf,
    clock,
    swimEffects: (effects) => swimCarrier.carryOut(effects),
    serfEffect: (effect) => carrier.carryOut(effect),
  });
  cores.input({ kind: "start" });
  later.cores = cores;
  return { sockets, swim, serf, cores, inbound, client, joiner, carrier, keys };
}

async function openDoors(
  options: GossipNodeOptions,
  { net, clock, metrics, memberlistLog: log }: GossipNodeParts,
  { codec, security, input }: Intake,
): Promise<{ readonly inbound: InboundStreams; readonly sockets: GossipSockets }> {
  const packets = new PacketIntake({
    codec,
    clock,
    log,
    metrics,
    deliver: (messages, from) => input({ kind: "datagram", from, messages }),
  });
  const inbound = new InboundStreams({
    clock,
    log,
    metrics,
    security,
    timeoutMs: options.swim.streamTimeoutMs,
    request: (request) => input(inputOf(request)),
  });
  const sockets = await openGossipSockets(net, options.bind, {
    datagram: (bytes, from) => packets.take(bytes, from),
    connection: (connection) => inbound.accept(connection),
  });
  return { inbound, sockets };
}

function inputOf({ inboundId, from, message }: InboundRequest): SwimInput {
  switch (message.kind) {
    case "ping":
      return { kind: "streamPing", inboundId, message };
    case "pushPull":
      return { kind: "pushPullRequest", inboundId, from, message };
    case "user":
      return { kind: "streamUser", bytes: message.bytes };
    default:
      return unreachable(message);
  }
}

function settle(outcome: SwimOutcome, joiner: Joiner, carrier: SerfCarrier): void {
  switch (outcome.kind) {
    case "joined":
      return joiner.joined(outcome.joinId, outcome.problem);
    case "updated":
      return carrier.updated(outcome.updateId);
    case "left":
      return carrier.swimHasLeft();
    default:
      return unreachable(outcome);
  }
}

function securityOf(
  options: GossipNodeOptions,
  { aead, nonces }: GossipNodeParts,
  keys: KeyringHolder,
): () => GossipSecurity {
  const { verifyIncoming, verifyOutgoing, label, compression } = options;
  return () => {
    const { keyring } = keys;
    const encryption = keyring === undefined ? undefined : { keyring, aead, nonces };
    return { encryption, verifyIncoming, verifyOutgoing, label, compression };
  };
}

function makeCores(
  options: GossipNodeOptions,
  { clock, rng }: GossipNodeParts,
  { bindPort, snapshot }: { readonly bindPort: number; readonly snapshot: SerfSnapshot | undefined },
): { readonly swim: Swim; readonly serf: Serf } {
  const { allowedNetworks, check } = options;
  const isEncrypted = options.keyring !== undefined;
  const serf = new Serf({
    nodeName: options.name,
    options: options.serf,
    codec: serfCodec,
    rng: rng.fork("serf"),
    nowMs: clock.monotonicMs(),
    tags: options.tags,
    matches: matchesTag,
    ...(check === undefined ? {} : { check }),
    isEncrypted,
    resolveNameConflicts: options.resolveNameConflicts,
    coordinates: options.coordinates ?? true,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const host = options.advertiseHost ?? options.bind.host;
  assert(
    parseIp(host)?.some((byte, index) => byte !== 0 && index > 11) === true,
    "others can be told an address",
  );
  const encryptedBytes = isEncrypted && options.verifyOutgoing ? encryptionOverheadBytes : 0;
  const swim = new Swim({
    name: options.name,
    address: { host, port: options.advertisePort ?? bindPort },
    bindPort,
    options: { ...options.swim, packetOverheadBytes: encryptedBytes + labelOverheadBytes(options.label) },
    rng: rng.fork("swim"),
    delegate: serf,
    encode: encodeMessage,
    incarnationBefore: incarnationAt(clock.wallMs()),
    ...(allowedNetworks === undefined ? {} : { allowsHost: (one) => isWithin(one, allowedNetworks) }),
  });
  return { swim, serf };
}

/**
 * Seconds since 2025: more than any earlier life of this node took, unless it refuted once a second. What somebody
 * still tells of that life, above all that it left, is then old news to everyone, also to those who never met it.
 */
function incarnationAt(nowMs: WallMs): number {
  const seconds = Math.floor((nowMs - incarnationOriginMs) / 1_000);
  return Math.min(Math.max(seconds, 0), incarnationBeforeMax);
}

/** 2025-01-01. */
const incarnationOriginMs = 1_735_689_600_000;
/** Leaves as much room for refutations. */
const incarnationBeforeMax = 0x7fff_ffff;

function isWithin(host: string, networks: NonNullable<GossipNodeOptions["allowedNetworks"]>): boolean {
  const ip = parseIp(host);
  return ip !== undefined && networks.some((network) => networkContains(network, ip));
}
