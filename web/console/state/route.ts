/** Where one is: a path and parameters behind the `#`, so that a shared address says what is searched for and no server's log does. */
import { signal } from '@preact/signals';

export interface Route {
  path: string[];
  params: URLSearchParams;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // an address that somebody cut short
  }
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decoded), params: new URLSearchParams(query) };
}

export const route = signal<Route>(read());
addEventListener('hashchange', () => {
  route.value = read();
});

type Params = Record<string, string | readonly string[] | null | undefined>;

export function href(path: readonly string[], params: Params | URLSearchParams = {}): string {
  const query = params instanceof URLSearchParams ? params : new URLSearchParams();
  if (!(params instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(params)) for (const one of [value ?? []].flat()) query.append(name, one as string);
  }
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

/** The same place with these parameters changed: null takes one away. */
export function withParams(changes: Params): string {
  const params = new URLSearchParams(route.value.params);
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const one of [value ?? []].flat()) params.append(name, one as string);
  }
  return href(route.value.path, params);
}

/** Go there; `quietly` leaves no step for the Back button. */
export function go(to: string, quietly = false): void {
  if (to === location.hash) return;
  if (quietly) {
    history.replaceState(null, '', to);
    route.value = read();
  } else location.hash = to;
}

export const eventHref = (id: string) => withParams({ event: id });
export const trailHref = (type: string, id: string) => href(['trail', type, id]);
