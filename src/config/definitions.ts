/**
 * Services and checks as configuration files define them, in the JSON shape of the agent's HTTP API.
 *
 * A definition read from a file can therefore take the same road as one sent to
 * `PUT /v1/agent/service/register`. Durations are Go texts ("10s"); a field that was not set is absent.
 */

/** A check as `PUT /v1/agent/check/register` takes it. Exactly one kind of check is set. */
export interface CheckDefinition {
  readonly ID?: string;
  readonly Name?: string;
  readonly Notes?: string;
  /** Ties a node check to a service registered with this agent. */
  readonly ServiceID?: string;
  readonly Token?: string;
  /** Starting state; "critical" if absent. */
  readonly Status?: string;
  readonly Args?: readonly string[];
  readonly HTTP?: string;
  readonly Header?: Readonly<Record<string, readonly string[]>>;
  readonly Method?: string;
  readonly Body?: string;
  readonly DisableRedirects?: boolean;
  /** Bytes of output kept; at least 1. */
  readonly OutputMaxSize?: number;
  readonly TCP?: string;
  readonly TCPUseTLS?: boolean;
  readonly UDP?: string;
  readonly Interval?: string;
  readonly DockerContainerID?: string;
  readonly Shell?: string;
  readonly GRPC?: string;
  readonly GRPCUseTLS?: boolean;
  readonly TLSServerName?: string;
  readonly TLSSkipVerify?: boolean;
  readonly AliasNode?: string;
  readonly AliasService?: string;
  readonly Timeout?: string;
  readonly TTL?: string;
  readonly H2PING?: string;
  readonly H2PingUseTLS?: boolean;
  readonly OSService?: string;
  readonly SuccessBeforePassing?: number;
  readonly FailuresBeforeWarning?: number;
  readonly FailuresBeforeCritical?: number;
  readonly DeregisterCriticalServiceAfter?: string;
}

/** One of a service's further addresses. */
export interface ServiceAddressDefinition {
  readonly Address: string;
  readonly Port: number;
}

/** How often DNS offers an instance, by state. */
export interface WeightsDefinition {
  /** 1 to 65535. */
  readonly Passing: number;
  /** 0 to 65535. */
  readonly Warning: number;
}

/** Mesh settings of a service. */
export interface ConnectDefinition {
  readonly Native?: boolean;
  readonly SidecarService?: ServiceDefinition;
}

/** A service as `PUT /v1/agent/service/register` takes it. */
export interface ServiceDefinition {
  readonly Kind?: string;
  /** Absent means `Name`. */
  readonly ID?: string;
  readonly Name: string;
  readonly Tags?: readonly string[];
  readonly Address?: string;
  readonly TaggedAddresses?: Readonly<Record<string, ServiceAddressDefinition>>;
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Port?: number;
  readonly SocketPath?: string;
  readonly Token?: string;
  readonly EnableTagOverride?: boolean;
  readonly Weights: WeightsDefinition;
  readonly Checks: readonly CheckDefinition[];
  /** The proxy body in the API's shape; kept whole for the mesh. */
  readonly Proxy?: Readonly<Record<string, unknown>>;
  readonly Connect?: ConnectDefinition;
}
