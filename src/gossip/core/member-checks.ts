/** Whom a pool lets in: asked of every alive message, and of all members of a joining exchange at once. */
import type { Member } from "../../lib/members.ts";

/**
 * Why these members must not be taken in, in the reference's words, or `undefined`.
 * Those that left have status `left`.
 */
export type MemberCheck = (members: readonly Member[]) => string | undefined;
