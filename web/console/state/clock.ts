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

export const zone = signal(localStorage.getItem(KEY) ?? OWN);
export const zones = [...new Set([OWN, 'UTC', ...Intl.supportedValuesOf('timeZone')])];
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

export const exact = (at: string | number) => EXACT.value.format(new Date(at));
export const dayOf = (at: string | number) => DAY.value.format(new Date(at));
export const clock = (at: string | number) => CLOCK.value.format(new Date(at));
const SHORT = format({ day: 'numeric', month: 'short' });
export const date = (at: string | number) => SHORT.value.format(new Date(at));
export const stamp = (at: string | number) => STAMP.value.format(new Date(at));

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
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'short' }).format(new Date(at));
  return parts.replace(' ', 'T');
}

/** The moment at which it shows that; of two (clocks went back) the first, of none (clocks went forward) the one that was meant. */
export function instantOf(wall: string, name = zone.value): string {
  const asked = Date.parse(`${wall}Z`);
  let at = asked;
  for (let round = 0; round < 2; round += 1) at = asked - (Date.parse(`${wallOf(new Date(at).toISOString(), name)}Z`) - at);
  return new Date(at).toISOString();
}
