/** Bars or a line over time, drawn by uPlot, which is loaded when the first chart is. A point that is clicked opens what it counts;
 * for the keyboard and for screen readers the same points stand in a table.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { zone } from '../state/clock';

const HEIGHT_PX = 210;
const BAR_PX_MAX = 56;
const LABEL_PX = 72;
const HOUR_S = 3600;

export interface Series {
  label: string;
  colour: string; // a custom property of the stylesheet
  values: (number | null)[];
  show?: (value: number) => string;
}

interface Props {
  title: string;
  kind: 'bars' | 'line';
  starts: string[];
  series: Series[];
  /** The name of a point, by its start in milliseconds. */
  label: (start: number) => string;
  open: (index: number) => void;
}

const scheme = matchMedia('(prefers-color-scheme: dark)');

/** What a colour of the stylesheet is in the present scheme: a canvas knows no custom properties. */
function resolve(box: HTMLElement, colour: string): string {
  const probe = box.appendChild(document.createElement('i'));
  probe.style.color = colour;
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

interface Hands {
  box: HTMLElement;
  open: (index: number) => void;
  point: (index: number | null) => void;
}

/** Every so many starts a label, as many as there is room for. */
function ticks(starts: number[], width: number): number[] {
  const every = Math.ceil(starts.length / Math.max(2, Math.floor(width / LABEL_PX)));
  return starts.filter((_start, index) => index % every === 0);
}

function options(lib: typeof uPlot, { kind, starts, series, label }: Props, { box, open, point }: Hands): uPlot.Options {
  const colour = (name: string) => resolve(box, `var(${name})`);
  const seconds = starts.map((start) => Date.parse(start) / 1000);
  const half = seconds.length > 1 ? ((seconds[1] as number) - (seconds[0] as number)) / 2 : HOUR_S;
  const style = getComputedStyle(box);
  const axis = { stroke: colour('--quiet'), font: `12px ${style.fontFamily}`, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  const paths = kind === 'bars' ? lib.paths.bars?.({ size: [0.72, BAR_PX_MAX], radius: 0.15 }) : lib.paths.linear?.();
  return {
    width: box.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: kind === 'line' } },
    scales: { x: { time: false, range: (_plot, min, max) => [min - half, max + half] }, y: { range: (_plot, _min, max) => [0, Math.max(max * 1.08, 1)] } },
    axes: [
      { ...axis, size: 32, grid: { show: false }, splits: (plot) => ticks(seconds, plot.width), values: (_plot, values) => values.map((value) => label(value * 1000)) },
      { ...axis, size: 48, values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString('en') : '')) },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(one.colour),
        fill: kind === 'bars' ? colour(one.colour) : resolve(box, `color-mix(in srgb, var(${one.colour}) 14%, transparent)`),
        width: kind === 'bars' ? 0 : 2,
        ...(paths ? { paths } : {}),
        points: { show: kind === 'line', size: 6, fill: colour(one.colour) },
      })),
    ],
    hooks: {
      setCursor: [(plot) => point(plot.cursor.idx ?? null)],
      ready: [
        (plot) =>
          plot.over.addEventListener('click', () => {
            if (plot.cursor.idx != null) open(plot.cursor.idx);
          }),
      ],
    },
  };
}

export function Chart(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [isLost, setLost] = useState(false);
  const [isDark, setDark] = useState(scheme.matches);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const turn = () => setDark(scheme.matches);
    scheme.addEventListener('change', turn);
    return () => scheme.removeEventListener('change', turn);
  }, []);
  useEffect(() => {
    let plot: uPlot | undefined;
    let isGone = false;
    const box = place.current as HTMLDivElement;
    const draw = async () => {
      const { default: lib } = await import('uplot');
      if (isGone) return;
      const data = [props.starts.map((start) => Date.parse(start) / 1000), ...props.series.map(({ values }) => values)] as uPlot.AlignedData;
      plot = new lib(options(lib, props, { box, open: (index) => latest.current.open(index), point: setAt }), data, box);
    };
    draw().catch(() => setLost(true)); // the pages were built anew since this one was loaded
    const observer = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: HEIGHT_PX }));
    observer.observe(box);
    return () => {
      isGone = true;
      observer.disconnect();
      plot?.destroy();
    };
  }, [props.starts, props.series, isDark, zone.value]);
  const said = at !== null && props.starts[at] !== undefined;
  return (
    <figure class="chart card">
      <figcaption>
        <strong>{props.title}</strong>
        <span class="legend">
          {props.series.map((one) => (
            <span key={one.label}>
              <span class="key" style={{ background: `var(${one.colour})` }} /> {one.label}
              {said && <b> {worth(one, at as number)}</b>}
            </span>
          ))}
          {said && <span class="quiet">{props.label(Date.parse(props.starts[at as number] as string))}</span>}
        </span>
      </figcaption>
      {isLost && <p class="error">The chart could not be loaded: load the page again. The table has the same numbers.</p>}
      <div ref={place} class="plot" aria-hidden="true" />
      <Table {...props} />
    </figure>
  );
}

function worth(one: Series, index: number): string {
  const value = one.values[index];
  if (value === null || value === undefined) return '–';
  return one.show ? one.show(value) : value.toLocaleString('en');
}

function Table({ title, starts, series, label, open }: Props) {
  return (
    <details class="chart-table">
      <summary>Show as a table</summary>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              {series.map(({ label }) => <th key={label} scope="col">{label}</th>)}
            </tr>
          </thead>
          <tbody>
            {starts.map((start, index) => (
              <tr key={start}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => open(index)}>{label(Date.parse(start))}</button>
                </th>
                {series.map((one) => <td key={one.label} class="number">{worth(one, index)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
