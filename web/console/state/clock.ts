/** Times as people read them, in the time zone that was chosen (the browser's own unless another was). */
import { computed, signal } from '@preact/signals';

const KEY = 'trailcast.zone';
const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
const TICK_MS = 15_000;
const LOCALE = 'en-GB';
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];
const DAYS_RELATIVE_MAX = 6;

export const zones = [...new Set([OWN, 'UTC', ...Intl.supportedValuesOf('timeZone')])];
const kept = localStorage.getItem(KEY);
export const zone = signal(kept !== null && zones.includes(kept) ? kept : OWN); // another browser's may be unknown to this one
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, TICK_MS);

export function chooseZone(name: string): void {
  localStorage.setItem(KEY, name);
  zone.value = name;
}

const format = (options: Intl.DateTimeFormatOptions) =>
  computed(() => new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: zone.value }));
const EXACT = format({ dateStyle: 'full', timeStyle: 'long' });
const DATE = format({ day: 'numeric', month: 'short', year: 'numeric' });
const DAY = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const CLOCK = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const STAMP = format({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

const SHORT = format({ day: 'numeric', month: 'short' });

/** What is no time, as an address may have it, stays as it is: the API says what is wrong with it. */
const by = (style: { value: Intl.DateTimeFormat }) => (at: string | number) =>
  Number.isNaN(new Date(at).getTime()) ? String(at) : style.value.format(new Date(at));
export const exact = by(EXACT);
export const dayOf = by(DAY);
export const clock = by(CLOCK);
export const date = by(SHORT);
export const stamp = by(STAMP);

const AGO = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto', style: 'short' });

/** How long ago, up to some days; then the date. */
export function ago(at: string): string {
  const ms = now.value - Date.parse(at);
  if (ms < 45_000) return 'just now';
  for (const [unit, size] of UNITS) {
    if (ms < size) continue;
    const count = Math.floor(ms / size);
    return unit === 'day' && count > DAYS_RELATIVE_MAX ? DATE.value.format(new Date(at)) : AGO.format(-count, unit);
  }
  return AGO.format(-1, 'minute');
}

/** What a wall clock in the zone shows at that moment, as `<input type="datetime-local">` has it. */
export function wallOf(at: string, name = zone.value): string {
  if (Number.isNaN(Date.parse(at))) return '';
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'short' }).format(new Date(at));
  return parts.replace(' ', 'T');
}

const DAY_MS = 86_400_000;

/** The moment at which it shows that. Of two (clocks went back) the one that leaves nothing out: the first for a beginning, the second for
 * an end. Of none (clocks went forward) the one that was meant. */
export function instantOf(wall: string, side: 'begin' | 'end', name = zone.value): string {
  const asked = Date.parse(`${wall}Z`);
  const offsetAt = (at: number) => Date.parse(`${wallOf(new Date(at).toISOString(), name)}Z`) - at;
  // Clocks change at most once in two days: these are the offsets before and after.
  const [before, after] = [asked - offsetAt(asked - DAY_MS), asked - offsetAt(asked + DAY_MS)];
  const right = [before, after].filter((at) => at + offsetAt(at) === asked).sort((one, other) => one - other);
  return new Date((side === 'begin' ? right[0] : right.at(-1)) ?? before).toISOString();
}
