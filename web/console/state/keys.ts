/** Keys that work everywhere: j and k go along a list, Enter on its time opens an event, Escape closes it, / searches. */
import { go, href, route, withParams } from './route';

function step(by: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>('article [data-open]')];
  const current = items.findIndex((item) => item.closest('article')?.contains(document.activeElement));
  const next = items[current < 0 ? 0 : current + by];
  next?.focus();
  next?.closest('article')?.scrollIntoView({ block: 'nearest' });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Close the event that is open beside the view. */
export function closeEvent(): void {
  if (route.value.params.get('event')) go(withParams({ event: null }));
}

export function listenForKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') closeEvent();
    if (isTyping(event.target)) return;
    if (event.key === 'j') step(1);
    else if (event.key === 'k') step(-1);
    else if (event.key === '/') {
      event.preventDefault();
      const field = document.querySelector<HTMLElement>('#search-text');
      if (field) field.focus();
      else go(href(['search']));
    }
  });
}
