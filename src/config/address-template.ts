/**
 * Address templates: "{{ GetPrivateIP }}", or
 * "{{ GetAllInterfaces | include \"network\" \"10.0.0.0/8\" | attr \"address\" }}".
 *
 * Whatever key takes an address takes a template that makes one, so that one file serves many hosts. The language
 * is Go's text/template with the functions of go-sockaddr; results and messages are theirs.
 */
import { quoteGoAscii } from "../lib/go-quote.ts";
import { allInterfaces } from "./address/host-addresses.ts";
import type { HostNetwork } from "./address/host-network.ts";
import { AddressTemplateError } from "./address/template-error.ts";
import { templateFunctions } from "./address/template-functions.ts";
import { parseTemplate, TemplateSyntaxError } from "./address/template-parse.ts";
import { runTemplate } from "./address/template-run.ts";

/** What Go's package calls the template in its messages. */
const templateName = "sockaddr.Parse";

/** The text that a template makes on a host; text without "{{" is itself. Throws `AddressTemplateError`. */
export function expandAddressTemplate(input: string, host: HostNetwork): string {
  if (!input.includes("{{")) return input;
  const cached = rememberedNetwork(host);
  const functions = templateFunctions(cached);
  try {
    const statements = parseTemplate(input, templateName, (name) => functions.has(name));
    // The input of a template is every interface, as in "{{ . | include … }}".
    const dot = allInterfaces(cached);
    return wrapped(input, () => runTemplate(statements, dot, { name: templateName, input, functions }));
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error;
    throw new AddressTemplateError(`unable to parse template ${quoteGoAscii(input)}: ${error.message}`, {
      cause: error,
    });
  }
}

function wrapped(input: string, run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof AddressTemplateError)) throw error;
    throw new AddressTemplateError(
      `unable to execute sockaddr input ${quoteGoAscii(input)}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** Asks the host once for each thing, so that one template sees one state of it. */
function rememberedNetwork(host: HostNetwork): HostNetwork {
  let interfaces: ReturnType<HostNetwork["interfaces"]> | undefined;
  let found: { readonly name: string | undefined } | undefined;
  return {
    interfaces: () => (interfaces ??= host.interfaces()),
    defaultInterface: () => (found ??= { name: host.defaultInterface() }).name,
  };
}
