/** Conversations as a whole: of one client with a door from its first byte to the end, and of many over a lock. */
import { course } from "./choices.ts";
import { runHttpCourse } from "./http-course.ts";
import { LockCourse } from "./lock-course.ts";
import { RpcCourse } from "./rpc-course.ts";
import { YamuxCourse } from "./yamux-course.ts";
import { utf8, type FuzzTargetPlan } from "./target.ts";

const httpWords = [
  "GET ",
  "PUT ",
  "HEAD ",
  "/a",
  "/later",
  "/pieces",
  "/none",
  "/wait",
  "?x=%20",
  " HTTP/1.1\r\n",
  " HTTP/1.0\r\n",
  "Host: x\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 3000\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Expect: 100-continue\r\n",
  "\r\n",
  "\n",
  "\r",
  "hello",
  "5\r\nhello\r\n",
  "0\r\n\r\n",
  "ffffff\r\n",
  ";x=y",
  "Trailer: x\r\n",
  ": ",
  " ",
  "x".repeat(3_000),
];
const simple = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";
const withLength = "PUT /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
const inChunks =
  "PUT /pieces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n";
const httpSeeds = [
  simple.repeat(3),
  simple + withLength + inChunks + simple,
  `${inChunks}HEAD /pieces HTTP/1.1\r\nHost: x\r\n\r\n${simple}`,
  `GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${withLength}GET /pieces HTTP/1.0\r\n\r\n`,
  `PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello${simple}`,
  `${simple}GET /wait HTTP/1.1\r\nHost: x\r\n\r\n${simple}`,
  `PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n${"y".repeat(3_000)}${simple}`,
];

export const sessionTargets: readonly FuzzTargetPlan[] = [
  course("locks", () => (choices) => new LockCourse(choices).run()),
  course("yamux-session", () => (choices) => new YamuxCourse(choices).run()),
  course("rpc-session", () => (choices) => new RpcCourse(choices).run()),
  {
    name: "http-connection",
    form: "text",
    words: httpWords,
    open: () => ({ seeds: httpSeeds.map(utf8), run: runHttpCourse }),
  },
];
