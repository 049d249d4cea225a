/** One request to the API: an operation and its variables in, its data out, and whatever goes wrong as a Problem with a code. */
import type { Operation } from './operations';

const RETRIES_MAX = 3;
const RETRY_PAUSE_MS = 700;

/** What went wrong: `code` is the API's, or NETWORK where there was no answer. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Credentials {
  credential: string;
  workspace?: string;
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string; retryAfterMs?: number } }[];
}

export function headersOf({ credential, workspace }: Credentials): Record<string, string> {
  return { Authorization: `Bearer ${credential}`, ...(workspace ? { 'X-Workspace': workspace } : {}) };
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function post<Data>(body: string, who: Credentials, signal?: AbortSignal): Promise<Answer<Data>> {
  const headers = { ...headersOf(who), accept: 'application/json', 'content-type': 'application/json' };
  try {
    const response = await fetch('/graphql', { method: 'POST', headers, body, signal: signal ?? null });
    return (await response.json()) as Answer<Data>;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem('NETWORK', 'The server did not answer.');
  }
}

/** The data of an operation. What only had to wait is tried again. Raises Problem, and AbortError once the signal says so. */
export async function ask<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  who: Credentials,
  signal?: AbortSignal,
): Promise<Data> {
  const body = JSON.stringify({ query: operation, variables });
  for (let attempt = 1; ; attempt += 1) {
    const { data, errors } = await post<Data>(body, who, signal);
    const [error] = errors ?? [];
    if (!error && data) return data;
    const code = error?.extensions?.code ?? 'INTERNAL';
    if (!['UNAVAILABLE', 'RATE_LIMITED'].includes(code) || attempt >= RETRIES_MAX) {
      throw new Problem(code, error?.message ?? 'The server gave an answer without data.');
    }
    await pause(error?.extensions?.retryAfterMs ?? RETRY_PAUSE_MS * attempt);
    signal?.throwIfAborted();
  }
}
