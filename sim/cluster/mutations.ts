/**
 * Bugs put in on purpose, to prove that the simulated cluster would notice them.
 *
 * A simulator that passes everything proves nothing; each of these must fail within `seedsMax` seeds.
 */
import type { StateMachine } from "../../src/lib/consensus.ts";
import type { Member, MemberPool } from "../../src/lib/members.ts";
import type { StateStore } from "../../src/state/store.ts";
import type { ClusterMutation } from "./run.ts";

/** A bug, and what would go wrong in the field. */
export interface NamedMutation {
  readonly name: string;
  readonly harm: string;
  readonly mutation: ClusterMutation;
  /** Caught within this many seeds from 1 on; measured, then doubled or more. */
  readonly seedsMax: number;
}

/** Every injected bug. */
export const clusterMutations: readonly NamedMutation[] = [
  {
    name: "a deposed leader goes on beyond its lease",
    harm: "default reads show what was overwritten long ago",
    mutation: { answersByItself: (host) => host.hasLed },
    seedsMax: 40,
  },
  {
    name: "any server answers default reads",
    harm: "a client does not see what it has just written",
    mutation: { answersByItself: () => true },
    seedsMax: 10,
  },
  {
    name: "disks say that they have synced before they have",
    harm: "acknowledged writes are lost in a crash",
    mutation: { plan: (plan) => ({ ...plan, disk: { ...plan.disk, lies: true } }) },
    seedsMax: 40,
  },
  {
    name: "the leader takes a live server for one that left",
    harm: "it is deregistered and loses its vote",
    mutation: { pool: (host, pool) => (host.index === 0 ? pool : misreading(pool, "server-1")) },
    seedsMax: 20,
  },
  {
    name: "the leader overlooks members that fail and come back",
    harm: "the catalog sends clients to who is dead",
    mutation: { pool: (_host, pool) => seenOnce(pool) },
    seedsMax: 10,
  },
  {
    name: "a change wakes no blocking read",
    harm: "watchers never hear of it",
    mutation: {
      machine: (_host, machine, store) => {
        drowsy(store);
        return machine;
      },
    },
    seedsMax: 10,
  },
  {
    name: "one server applies a command otherwise",
    harm: "states differ from then on",
    mutation: { machine: (host, machine) => (host.index === 1 ? forgetful(machine) : machine) },
    seedsMax: 10,
  },
];

function withMembers(pool: MemberPool, change: (member: Member) => Member): MemberPool {
  return {
    members: () => pool.members().map(change),
    localMember: () => pool.localMember(),
    onMember: (listener) => pool.onMember(listener),
  };
}

/** As if one member had left. */
function misreading(pool: MemberPool, name: string): MemberPool {
  return withMembers(pool, (member) => (member.name === name ? { ...member, status: "left" } : member));
}

/** As if nothing changed after a member was first seen. */
function seenOnce(pool: MemberPool): MemberPool {
  const first = new Map<string, Member>();
  const seen = (member: Member): Member => {
    const known = first.get(member.name) ?? member;
    first.set(member.name, known);
    return known;
  };
  return { ...withMembers(pool, seen), onMember: () => ({ [Symbol.dispose]: () => undefined }) };
}

/** Wakes nobody after two changes of three. */
function drowsy(store: StateStore): void {
  const { watches } = store;
  const fire = watches.fire.bind(watches);
  let count = 0;
  watches.fire = (...changed) => {
    count += 1;
    if (count % 3 === 0) fire(...changed);
  };
}

/** Leaves out one command in fifty. */
function forgetful(machine: StateMachine): StateMachine {
  return {
    apply: (index, command, decoded) =>
      index % 50 === 0 ? undefined : machine.apply(index, command, decoded),
    decode: (command) => machine.decode(command),
    snapshot: () => machine.snapshot(),
    prepare: (state) => machine.prepare(state),
  };
}
