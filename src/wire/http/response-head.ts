/** Status lines and header fields of answers. Source: RFC 9112 sections 4 and 5. */

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  301: "Moved Permanently",
  304: "Not Modified",
  307: "Temporary Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** Characters that would end a field early. */
const lineBreaks = /[\r\n\0]/;
const allLineBreaks = /[\r\n\0]/g;

/** The status line with its end. Statuses of bodiless informational answers are not made here. */
export function statusLine(minor: 0 | 1, status: number): string {
  return `HTTP/1.${minor} ${status} ${reasons[status] ?? `status code ${status}`}\r\n`;
}

/** The body that tells a client what was wrong with its request, worded as Go's server does. */
export function refusalText(status: number, detail: string): string {
  const reason = reasons[status] ?? "";
  return detail === reason ? `${status} ${reason}` : `${status} ${reason}: ${detail}`;
}

/** Fields as lines. A value that holds a line break gets blanks instead: nobody may slip in a field. */
export function fieldLines(headers: Readonly<Record<string, string>>): string {
  let text = "";
  for (const name in headers) {
    const value = headers[name] as string;
    text += `${name}: ${lineBreaks.test(value) ? value.replace(allLineBreaks, " ") : value}\r\n`;
  }
  return text;
}

/** Whether an answer of this status has a body at all. */
export function hasBody(status: number): boolean {
  return status !== 204 && status !== 304;
}
