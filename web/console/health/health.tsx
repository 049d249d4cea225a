/** Health: how much happens, how much of it fails, and where. Every number opens the search for what it counts. */
import { useMemo } from 'preact/hooks';
import { Health, type HealthQuery } from '../api/operations';
import { zone } from '../state/clock';
import { remember } from '../state/names';
import { useAnswer } from '../state/pages';
import { go, href, route, withParams } from '../state/route';
import { ask } from '../state/session';
import { BoardSelect, isReadable, NoSuchBoard } from '../ui/boards';
import { Loading, Note, ProblemNote } from '../ui/states';
import { percent } from '../ui/words';
import { Chart } from './chart';
import { nameOf, SPANS, sinceOf, type Span, spanOf } from './spans';

type Metrics = HealthQuery['activityMetrics'];
type Row = Metrics['types'][number];

function Filters({ span, board }: { span: Span; board: string | null }) {
  return (
    <div class="toolbar" role="group" aria-label="What is counted">
      <div class="segments">
        {(Object.keys(SPANS) as Span[]).map((name) => (
          <a key={name} href={withParams({ span: name })} aria-current={name === span ? 'true' : undefined}>
            {SPANS[name].label}
          </a>
        ))}
      </div>
      <BoardSelect board={board} />
    </div>
  );
}

function Tile({ label, value, to, kind = '' }: { label: string; value: string; to: string; kind?: string }) {
  return (
    <a class={`tile card ${kind}`} href={to}>
      <span class="tile-label">{label}</span>
      <span class="tile-value">{value}</span>
    </a>
  );
}

function Ranking({ title, rows, to }: { title: string; rows: Row[]; to: (key: string, failed: boolean) => string }) {
  const most = Math.max(1, ...rows.map(({ total }) => total));
  return (
    <section class="card group ranking">
      <h2>{title}</h2>
      {rows.length === 0 && <p class="quiet">Nothing in this time.</p>}
      <ul>
        {rows.map(({ key, label, total, failed }) => (
          <li key={key}>
            <a class="ranking-name" href={to(key, false)}>{label ?? key}</a>
            {failed > 0 ? <a class="failed-count" href={to(key, true)}>{failed.toLocaleString('en')} failed</a> : <span />}
            <span class="number">{total.toLocaleString('en')}</span>
            <span class="share" aria-hidden="true">
              <span style={{ width: `${((total - failed) / most) * 100}%` }} />
              <span class="bad" style={{ width: `${(failed / most) * 100}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface ChartsProps {
  series: Metrics['series'];
  span: Span;
  since: string;
  until: string;
  board: string | null;
}

function Charts({ series, span, since, until, board }: ChartsProps) {
  const [starts, bars, rate] = useMemo(
    () => [
      series.map(({ start }) => start),
      [
        { label: 'Events', colour: '--accent', values: series.map(({ total }) => total) },
        { label: 'Failed', colour: '--bad', values: series.map(({ failed }) => failed) },
      ],
      [{ label: 'Error rate', colour: '--bad', values: series.map(({ errorRatePct }) => errorRatePct ?? null), show: percent }],
    ],
    [series],
  );
  const open = (outcome: string | null) => (index: number) =>
    // The first point begins before what is counted of it.
    go(href(['search'], { from: index === 0 ? since : starts[index], to: starts[index + 1] ?? until, board, outcome }));
  return (
    <>
      <Chart title="Events" kind="bars" starts={starts} series={bars} label={nameOf(span)} open={open(null)} />
      <Chart title="Error rate, %" kind="line" starts={starts} series={rate} label={nameOf(span)} open={open('FAILURE')} />
    </>
  );
}

export function HealthView() {
  const { params } = route.value;
  const span = spanOf(params);
  const board = params.get('board');
  const question = `${span} ${board} ${zone.value}`;
  const { data, isBusy, problem, again } = useAnswer(question, async (signal) => {
    const [since, until] = [sinceOf(span), new Date().toISOString()];
    const filter = board ? { boardId: [board] } : {};
    const { activityMetrics } = await ask(Health, { filter, since, until, bucket: SPANS[span].bucket, timeZone: zone.value }, signal);
    const named = [...activityMetrics.agents, ...activityMetrics.boards];
    remember(named.filter(({ label }) => label).map(({ key, label }) => [key, label as string]));
    return { metrics: activityMetrics, span, since, until };
  });
  const to = (name: string) => (key: string, failed: boolean) =>
    href(['search'], { from: data?.since, to: data?.until, board, outcome: failed ? 'FAILURE' : null, [name]: key });
  const metrics = data?.metrics;
  return (
    <>
      <header class="view-head">
        <h1>Health</h1>
        <Filters span={span} board={board} />
      </header>
      {problem ? <ProblemNote problem={problem} again={again} /> : null}
      {!data && !problem && <Loading rows={4} />}
      {data && metrics && (
        <div class="health" aria-busy={isBusy}>
          <div class="tiles">
            <Tile label="Events" value={metrics.total.toLocaleString('en')} to={href(['search'], { from: data.since, to: data.until, board })} />
            <Tile label="Failed" value={metrics.failed.toLocaleString('en')} kind={metrics.failed > 0 ? 'bad' : ''} to={href(['search'], { from: data.since, to: data.until, board, outcome: 'FAILURE' })} />
            <Tile label="Error rate" value={percent(metrics.errorRatePct)} to={href(['search'], { from: data.since, to: data.until, board, outcome: 'FAILURE' })} />
          </div>
          {metrics.total === 0 && board && !isReadable(board) ? (
            <NoSuchBoard />
          ) : metrics.total === 0 ? (
            <Note icon="health" title="Nothing happened in this time"><p>Ask for a longer time, or for all boards.</p></Note>
          ) : (
            <Charts series={metrics.series} span={data.span} since={data.since} until={data.until} board={board} />
          )}
          <div class="groups three">
            <Ranking title="By type" rows={metrics.types} to={to('type')} />
            <Ranking title="By agent" rows={metrics.agents} to={to('agent')} />
            <Ranking title="By board" rows={metrics.boards} to={to('board')} />
          </div>
        </div>
      )}
    </>
  );
}
