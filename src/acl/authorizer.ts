/** What a token may do. Endpoints ask; while ACLs are off the answer is always yes. */
export interface Authorizer {
  keyRead(key: string): boolean;
  keyWrite(key: string): boolean;
  /** Write to every key under the prefix. */
  keyWritePrefix(prefix: string): boolean;
  nodeRead(node: string): boolean;
  nodeWrite(node: string): boolean;
  serviceRead(service: string): boolean;
  serviceWrite(service: string): boolean;
  sessionRead(node: string): boolean;
  sessionWrite(node: string): boolean;
  eventRead(name: string): boolean;
  eventWrite(name: string): boolean;
  agentRead(node: string): boolean;
  agentWrite(node: string): boolean;
  /** Queries by the beginning of their names. */
  preparedQueryRead(name: string): boolean;
  preparedQueryWrite(name: string): boolean;
  keyringRead(): boolean;
  keyringWrite(): boolean;
  operatorRead(): boolean;
  operatorWrite(): boolean;
  /** Everything: snapshots. */
  management(): boolean;
}

const yes = (): boolean => true;

/** The authorizer while ACLs are off. */
export const allowAll: Authorizer = {
  keyRead: yes,
  keyWrite: yes,
  keyWritePrefix: yes,
  nodeRead: yes,
  nodeWrite: yes,
  serviceRead: yes,
  serviceWrite: yes,
  sessionRead: yes,
  sessionWrite: yes,
  eventRead: yes,
  eventWrite: yes,
  agentRead: yes,
  agentWrite: yes,
  preparedQueryRead: yes,
  preparedQueryWrite: yes,
  keyringRead: yes,
  keyringWrite: yes,
  operatorRead: yes,
  operatorWrite: yes,
  management: yes,
};
