/** How GraphiQL reaches Trailcast: queries and mutations by POST, subscriptions over one socket for each set of headers.
 *
 * A browser cannot set headers on a socket, so what the header editor holds goes into `connection_init`: the server reads
 * Authorization, X-Agent-Token and X-Workspace there in the same spellings.
 */
import type { Fetcher, FetcherResult } from '@graphiql/toolkit';
import { type DocumentNode, type ExecutionResult, getOperationAST } from 'graphql';
import { type Client, createClient } from 'graphql-ws';

type Headers = Record<string, string>;

let open: { key: string; client: Client } | undefined;

/** The client that speaks with these headers. One that spoke with others is let go. */
function clientFor(headers: Headers): Client {
  const key = JSON.stringify(headers);
  if (open?.key !== key) {
    void open?.client.dispose();
    const url = new URL('/graphql', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const client = createClient({ url: url.href, connectionParams: headers, retryAttempts: 3 });
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

export async function post(headers: Headers, body: unknown, signal?: AbortSignal): Promise<FetcherResult> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { accept: 'application/graphql-response+json, application/json', ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  return (await response.json()) as FetcherResult;
}

function isSubscription(document: DocumentNode | undefined, operationName: string | null | undefined): boolean {
  return document !== undefined && getOperationAST(document, operationName)?.operation === 'subscription';
}

export const fetcher: Fetcher = (params, options): ReturnType<Fetcher> => {
  const headers = said(options?.headers);
  const { query, variables, operationName } = params;
  if (isSubscription(options?.documentAST, operationName)) {
    return clientFor(headers).iterate({ query, variables, operationName }) as AsyncIterableIterator<ExecutionResult>;
  }
  return post(headers, { query, variables, operationName });
};
