/** A link that signs in: `/#token=…`, as `run` prints it. What stands behind the `#` is sent to no server, so no log has it. It is taken
 * out of the address before anything else looks there, so it is in no address that is copied, and not behind the Back button.
 *
 * Such a link is taken on the machine's own address alone. Elsewhere anybody could send one with a token of their own, and have others
 * write under a name that is not theirs; and a token would get used to travelling by mail.
 */
const LINK = /^#token=([^&]*)/;
const OWN_MACHINE = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** What stood in the address: a token, or that there was one which is not taken here. */
export type Linked = { token: string } | 'not here';

function take(): Linked | null {
  const found = LINK.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, '', '#/');
  return OWN_MACHINE.has(location.hostname) ? { token: found[1] ?? '' } : 'not here';
}

export const firstLink = take();

let latecomers = (_linked: Linked) => {};
// The console may be open in the tab already: then nothing is loaded, only the address changes. No listener comes before this one.
addEventListener('hashchange', () => {
  const linked = take();
  if (linked) latecomers(linked);
});

/** Calls back with each link that is opened from now on. */
export function listenForLinks(onLink: (linked: Linked) => void): void {
  latecomers = onLink;
}
