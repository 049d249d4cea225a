/** How GraphiQL reaches Trailcast: queries and mutations by POST, subscriptions over one socket for each set of headers.
 *
 * A browser cannot set headers on a socket, so what the header editor holds goes into `connection_init`: the server reads
 * Authorization, X-Agent-Token and X-Workspace there in the same spellings.
 */
import type { Fetcher } from '@graphiql/toolkit';
import { type ExecutionResult, Kind, type OperationDefinitionNode, parse } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { QuietSocket } from '../shared/quiet-socket';

type Headers = Record<string, string>;

let open: { key: string; client: Client } | undefined;

/** The client that speaks with these headers. One that spoke with others is let go. */
function clientFor(headers: Headers): Client {
  const key = JSON.stringify(headers);
  if (open?.key !== key) {
    void open?.client.dispose();
    const url = new URL('/graphql', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const client = createClient({ url: url.href, webSocketImpl: QuietSocket, connectionParams: headers, retryAttempts: 3 });
    open = { key, client };
  }
  return open.client;
}

/** Headers that say something: the template's empty ones would be refused as bad credentials. */
export function said(headers: unknown): Headers {
  const entries = Object.entries(typeof headers === 'object' && headers !== null ? headers : {});
  return Object.fromEntries(
    entries.map(([name, value]): [string, string] => [name, String(value).trim()]).filter(([, value]) => !/^(Bearer)?$/i.test(value)),
  );
}

export async function post(headers: Headers, body: unknown): Promise<ExecutionResult> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { accept: 'application/graphql-response+json, application/json', ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as ExecutionResult;
}

/** The operation that is asked for. GraphiQL learns of a new text a moment late: until then it names the one that stood there before,
 * so the text is looked at here. */
function find(query: string, operationName: string | null | undefined): OperationDefinitionNode | undefined {
  try {
    const operations = parse(query).definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    return operations.find(({ name }) => name?.value === operationName) ?? (operations.length === 1 ? operations[0] : undefined);
  } catch {
    return undefined; // the server says what is wrong with it
  }
}

export const fetcher: Fetcher = (params, options): ReturnType<Fetcher> => {
  const headers = said(options?.headers);
  const { query, variables } = params;
  const operation = find(query, params.operationName);
  const operationName = operation ? operation.name?.value : params.operationName;
  if (operation?.operation === 'subscription') {
    return clientFor(headers).iterate({ query, variables, operationName }) as AsyncIterableIterator<ExecutionResult>;
  }
  return post(headers, { query, variables, operationName });
};
