/** Who is signed in. The credential is kept in session storage: it ends with the tab, and no other site or tab can read it. */
import { computed, signal } from '@preact/signals';
import type { Client } from 'graphql-ws';
import { ask as askAs, type Credentials, Problem } from '../api/http';
import { connection, openSocket } from '../api/live';
import { type Operation, Viewer, type ViewerQuery } from '../api/operations';
import { firstLink, type Linked, listenForLinks } from './link';

export type Me = ViewerQuery['viewer'];

const KEY = 'trailcast.session';
const EXPLORER_HEADERS = 'trailcast.explorer.headers'; // GraphiQL's, which begin with the credential that is kept here

/** signed-out: why, if there is something to say. choosing: a person with several workspaces has to pick one. */
export type Session =
  | { state: 'signed-out'; note?: string }
  | { state: 'opening'; who: Credentials }
  | { state: 'choosing'; who: Credentials; me: Me }
  | { state: 'failed'; who: Credentials; problem: Problem }
  | { state: 'signed-in'; who: Credentials; me: Me; socket: Client };

export const session = signal<Session>({ state: 'signed-out' });
export const me = computed(() => (session.value.state === 'signed-in' ? session.value.me : null));
export const writableBoards = computed(() => me.value?.boards.filter(({ canWrite }) => canWrite).map(({ board }) => board) ?? []);

const ENDED = 'Your access has ended: the token was revoked or has expired, or your membership ended. Sign in with another.';
const NOT_HERE = 'Links with a token in them work on the address of this machine only: paste the token here instead.';

function close(): void {
  const current = session.peek();
  if (current.state === 'signed-in') void current.socket.dispose();
  connection.value = 'off';
}

function enter(who: Credentials, viewer: Me): void {
  close();
  const kept = JSON.stringify(who);
  if (sessionStorage.getItem(KEY) !== kept) sessionStorage.removeItem(EXPLORER_HEADERS); // those of somebody else
  sessionStorage.setItem(KEY, kept);
  session.value = { state: 'signed-in', who, me: viewer, socket: openSocket(who) };
}

/** Find out who this is. Someone with several workspaces is asked which; a refused credential is forgotten. */
export async function signIn(who: Credentials): Promise<void> {
  session.value = { state: 'opening', who };
  try {
    const { viewer } = await askAs(Viewer, {}, who);
    if (!who.workspace && viewer.workspaces.length > 1) session.value = { state: 'choosing', who, me: viewer };
    else enter(who, viewer);
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem('INTERNAL', String(error));
    if (problem.code === 'UNAUTHENTICATED' || problem.code === 'BAD_USER_INPUT') {
      signOut('This does not let you in: it is mistyped, unknown, expired or revoked, or has no access to that workspace.');
    } else session.value = { state: 'failed', who, problem };
  }
}

export function signOut(note?: string): void {
  close();
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(EXPLORER_HEADERS);
  session.value = note ? { state: 'signed-out', note } : { state: 'signed-out' };
}

function stored(): Credentials | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Credentials | null;
  } catch {
    return null;
  }
}

/** Sign in by a link, if one was opened; it takes nothing from who is signed in where links are not taken. */
function signInBy(linked: Linked | null): void {
  if (linked && linked !== 'not here' && linked.token) void signIn({ credential: linked.token });
  else if (linked === 'not here' && session.peek().state === 'signed-out') session.value = { state: 'signed-out', note: NOT_HERE };
}

/** Who opened a link, else who was signed in before this tab was loaded again. */
export function resume(): void {
  const who = stored();
  listenForLinks(signInBy);
  if (who?.credential && (firstLink === null || firstLink === 'not here')) void signIn(who);
  else signInBy(firstLink);
}

/** Take it as the end of the session where the credential no longer counts. */
export function noticeEnd(problem: unknown): void {
  if (problem instanceof Problem && problem.code === 'UNAUTHENTICATED' && session.peek().state === 'signed-in') signOut(ENDED);
}

/** Ask as who is signed in. Raises Problem. */
export async function ask<Data, Variables>(operation: Operation<Data, Variables>, variables: Variables, signal?: AbortSignal): Promise<Data> {
  const current = session.peek();
  if (current.state !== 'signed-in') throw new Problem('UNAUTHENTICATED', 'Sign in first.');
  try {
    return await askAs(operation, variables, current.who, signal);
  } catch (error) {
    noticeEnd(error);
    throw error;
  }
}
