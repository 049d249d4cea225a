/** Long lists: items come in chunks, and a chunk that is far from what can be seen is a space of the same height. So the document
 * stays small however long the list gets, and nothing jumps.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const NEAR = '1200px 0px';

function useNear<Place extends Element>(margin: string): [{ current: Place | null }, boolean] {
  const place = useRef<Place>(null);
  const [isNear, setNear] = useState(true);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? true), { rootMargin: margin });
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, [margin]);
  return [place, isNear];
}

export function Chunk({ children }: { children: () => ComponentChildren }) {
  const [place, isNear] = useNear<HTMLDivElement>(NEAR);
  const height = useRef(0);
  if (place.current && isNear && place.current.childElementCount > 0) height.current = place.current.offsetHeight;
  useEffect(() => {
    if (place.current && isNear) height.current = place.current.offsetHeight;
  });
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
