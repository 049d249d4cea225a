/** Long lists: items come in chunks, and a chunk that is far from what can be seen is a space of the same height. So the document
 * stays small however long the list gets, and nothing jumps.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const NEAR = '1200px 0px';

interface ChunkProps {
  /** How high it may be, of one that is to be drawn only when somebody comes near. */
  guessPx?: number | undefined;
  children: () => ComponentChildren;
}

export function Chunk({ guessPx, children }: ChunkProps) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(guessPx === undefined);
  const height = useRef(guessPx ?? 0);
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        const entry = entries.at(-1);
        if (!entry) return;
        // As the browser laid it out for itself: asking for it while chunks are drawn would have each lay out the whole list.
        height.current = entry.boundingClientRect.height;
        setNear(entry.isIntersecting);
      },
      { rootMargin: NEAR },
    );
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={place} class="chunk" style={isNear ? undefined : { height: `${height.current}px` }}>
      {isNear && children()}
    </div>
  );
}

interface MoreProps {
  load: () => void;
  isBusy: boolean;
  /** How long the list is. An observer tells of changes only: after each page a new one looks whether the end is still near. */
  length: number;
}

/** Stands at the end of a list and asks for more when it comes near. */
export function More({ load, isBusy, length }: MoreProps) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), { rootMargin: '800px 0px' });
    if (place.current && !isBusy) observer.observe(place.current);
    return () => observer.disconnect();
  }, [isBusy, length]);
  return (
    <div ref={place} class="more">
      <button type="button" class="button quiet" onClick={load} disabled={isBusy}>
        {isBusy ? 'Loading…' : 'Show more'}
      </button>
    </div>
  );
}
