/**
 * Old names of keys. A file may still use them: the value moves to the new key unless that is set in the
 * same file, and a warning says so. Source: the reference's agent/config/deprecated.go and its page
 * "Deprecated options"; order of warnings measured.
 */
import type { KeyType } from "./key-row.ts";

/** One old key: path, JSON form, and the path that took its place. */
export type DeprecatedKey = readonly [oldPath: string, type: KeyType, newPath: string];

/** Old names in the order in which their warnings are given. */
// One old key a row.
// oxfmt-ignore
export const deprecatedKeys: readonly DeprecatedKey[] = [
  ["acl.tokens.agent_master", "string", "acl.tokens.agent_recovery"],
  ["acl_agent_master_token", "string", "acl.tokens.agent_recovery"],
  ["acl_agent_token", "string", "acl.tokens.agent"],
  ["acl_token", "string", "acl.tokens.default"],
  ["acl.tokens.master", "string", "acl.tokens.initial_management"],
  ["acl_master_token", "string", "acl.tokens.initial_management"],
  ["acl_replication_token", "string", "acl.tokens.replication"],
  ["enable_acl_replication", "bool", "acl.enable_token_replication"],
  ["acl_datacenter", "string", "primary_datacenter"],
  ["acl_default_policy", "string", "acl.default_policy"],
  ["acl_down_policy", "string", "acl.down_policy"],
  ["acl_ttl", "duration", "acl.token_ttl"],
  ["acl_enable_key_list_policy", "bool", "acl.enable_key_list_policy"],
  ["start_join", "strings", "retry_join"],
  ["start_join_wan", "strings", "retry_join_wan"],
  ["raft_boltdb.NoFreelistSync", "bool", "raft_logstore.boltdb.no_freelist_sync"],
  ["ca_file", "string", "tls.defaults.ca_file"],
  ["ca_path", "string", "tls.defaults.ca_path"],
  ["cert_file", "string", "tls.defaults.cert_file"],
  ["key_file", "string", "tls.defaults.key_file"],
  ["tls_cipher_suites", "string", "tls.defaults.tls_cipher_suites"],
  ["tls_min_version", "string", "tls.defaults.tls_min_version"],
  ["verify_incoming", "bool", "tls.defaults.verify_incoming"],
  ["verify_incoming_https", "bool", "tls.https.verify_incoming"],
  ["verify_incoming_rpc", "bool", "tls.internal_rpc.verify_incoming"],
  ["verify_outgoing", "bool", "tls.defaults.verify_outgoing"],
  ["verify_server_hostname", "bool", "tls.internal_rpc.verify_server_hostname"],
  ["tls_prefer_server_cipher_suites", "bool", ""],
];

/** Spellings that a file may use for a key of today, without a warning: alias to key, within one object. */
export const topLevelAliases: Readonly<Record<string, string>> = { non_voting_server: "read_replica" };
