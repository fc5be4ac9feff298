/** The method behind streams of changes, an addition of Proconsul. */
import { StreamReply, StreamRequest } from "../structs/stream.ts";
import { method } from "./method.ts";

/** Answers with rows or changes of rows as soon as there are any, or, after `MaxQueryTime`, with none. */
export const streamRead = method("Stream.Read", StreamRequest, StreamReply);
