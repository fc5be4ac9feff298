/** `/v1/acl/…` while ACLs are off: every endpoint is known and answers that they are. */
import { HttpError, type Route } from "./types.ts";

const one = ["GET", "PUT", "DELETE"] as const;

/** Methods by path, as the reference registers them. */
const endpoints: Readonly<Record<string, readonly string[]>> = {
  "/v1/acl/bootstrap": ["PUT"],
  "/v1/acl/login": ["POST"],
  "/v1/acl/logout": ["POST"],
  "/v1/acl/replication": ["GET"],
  "/v1/acl/policies": ["GET"],
  "/v1/acl/policy": ["PUT"],
  "/v1/acl/policy/": one,
  "/v1/acl/policy/name/": ["GET"],
  "/v1/acl/roles": ["GET"],
  "/v1/acl/role": ["PUT"],
  "/v1/acl/role/": one,
  "/v1/acl/role/name/": ["GET"],
  "/v1/acl/binding-rules": ["GET"],
  "/v1/acl/binding-rule": ["PUT"],
  "/v1/acl/binding-rule/": one,
  "/v1/acl/auth-methods": ["GET"],
  "/v1/acl/auth-method": ["PUT"],
  "/v1/acl/auth-method/": one,
  "/v1/acl/tokens": ["GET"],
  "/v1/acl/token": ["PUT"],
  "/v1/acl/token/": one,
  "/v1/acl/token/self": ["GET"],
  "/v1/internal/acl/authorize": ["POST"],
};

/** The routes of an agent without ACLs. */
export const aclOffRoutes: readonly Route[] = Object.entries(endpoints).map(([pattern, methods]) => ({
  pattern,
  methods,
  handle: () => {
    throw new HttpError(401, "ACL support disabled");
  },
}));
