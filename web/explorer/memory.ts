/** What GraphiQL remembers, and where: queries, tabs and history in local storage; headers, which hold credentials, in session
 * storage alone, under one key.
 *
 * The history plugin keeps the headers of each request, whatever `shouldPersistHeaders` says, so they are taken out here.
 */
import type { Storage } from '@graphiql/toolkit';

const HEADERS = 'trailcast.explorer.headers';
const SESSION = 'trailcast.session';
const TEMPLATE = JSON.stringify({ Authorization: 'Bearer ' }, null, 2);

function withoutHeaders(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (key, value: unknown) => (key === 'headers' ? undefined : value));
  } catch {
    return text;
  }
}

export const memory: Storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (key) => (key.endsWith(':headers') ? null : localStorage.getItem(key)),
  setItem: (key, value) => {
    if (!key.endsWith(':headers')) localStorage.setItem(key, withoutHeaders(value));
  },
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
};

export function rememberHeaders(text: string): void {
  sessionStorage.setItem(HEADERS, text);
}

/** The headers to begin with: those of this tab before it was loaded again, else those of who is signed in at the console. */
export function firstHeaders(): string {
  const remembered = sessionStorage.getItem(HEADERS);
  if (remembered !== null) return remembered;
  try {
    const session = JSON.parse(sessionStorage.getItem(SESSION) ?? 'null') as { credential: string; workspace?: string } | null;
    if (session === null) return TEMPLATE;
    const workspace = session.workspace ? { 'X-Workspace': session.workspace } : {};
    return JSON.stringify({ Authorization: `Bearer ${session.credential}`, ...workspace }, null, 2);
  } catch {
    return TEMPLATE;
  }
}
