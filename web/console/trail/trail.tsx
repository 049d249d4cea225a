/** The trail of one thing: all that ever happened to it, in order, and who had a part in it. */
import { useEffect, useState } from 'preact/hooks';
import { type OrderDirection, Things, Trail, TrailPage, type TrailQuery } from '../api/operations';
import { Item } from '../feed/item';
import { dayOf } from '../state/clock';
import { remember } from '../state/names';
import { useAnswer, usePages } from '../state/pages';
import { href, route, trailHref, withParams } from '../state/route';
import { ask } from '../state/session';
import { Chunk, More } from '../ui/chunks';
import { Icon } from '../ui/icons';
import { Avatar, Time } from '../ui/parts';
import { Loading, Note, ProblemNote } from '../ui/states';
import { counted, nameOf, plural, roleOf } from '../ui/words';

const PAGE = 50;
type Told = TrailQuery['auditTrail'];

function Chooser() {
  const [text, setText] = useState('');
  const asked = text.trim();
  const { data, problem, again } = useAnswer(asked, (signal) => ask(Things, { text: asked || null }, signal));
  const groups: [string, string, { id: string; name: string; more?: string | null | undefined }[]][] = [
    ['task', 'Tasks', (data?.tasks.nodes ?? []).map(({ id, title, board }) => ({ id, name: title, more: board?.name }))],
    ['board', 'Boards', data?.boards.nodes ?? []],
    ['agent', 'Agents', (data?.agents.nodes ?? []).map(({ id, name, role }) => ({ id, name, more: role }))],
    ['user', 'People', (data?.users.nodes ?? []).map(({ id, name, role }) => ({ id, name: name ?? id, more: role }))],
  ];
  const found = groups.filter(([, , things]) => things.length > 0);
  return (
    <>
      <header class="view-head">
        <h1>Trail</h1>
      </header>
      <p class="lead">Everything that ever happened to one task, board, agent or person.</p>
      <div class="search-text">
        <Icon name="search" size={18} />
        <label class="hidden" for="search-text">Name of a task, a board, an agent or a person</label>
        <input id="search-text" type="search" class="input" placeholder="Whose trail?" value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      </div>
      {problem ? <ProblemNote problem={problem} again={again} /> : null}
      {!data && !problem && <Loading rows={3} />}
      {data && found.length === 0 && <Note icon="trail" title="Nothing has this name"><p>Try a shorter part of it. What you may not see is not found.</p></Note>}
      <div class="groups flow">
        {found.map(([type, label, things]) => (
          <section key={type} class="card group">
            <h2>{label}</h2>
            <ul>
              {things.map(({ id, name, more }) => (
                <li key={id}>
                  <a href={trailHref(type, id)}>{name}</a> <span class="quiet">{more}</span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </>
  );
}

function Contributors({ told, type, id }: { told: Told; type: string; id: string }) {
  const most = Math.max(1, ...told.contributors.map(({ count }) => count));
  const by = type === 'task' || type === 'board' ? { [type]: id } : {};
  return (
    <section class="card group contributors">
      <h2>Contributors</h2>
      <ul>
        {told.contributors.map(({ actor, count, failed, lastEventAt }) => (
          <li key={actor.id}>
            <Avatar who={actor} small />
            <a class="name" href={href(['search'], { ...by, actor: actor.id })}>{nameOf(actor)}</a>
            <span class="number">{count.toLocaleString('en')}</span>
            <span class="role">{roleOf(actor)}</span>
            <span class="share" aria-hidden="true"><span style={{ width: `${(count / most) * 100}%` }} /></span>
            <span class="last">
              {failed > 0 && `${failed} failed, `}last <Time at={lastEventAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Timeline({ type, id, direction, first }: { type: string; id: string; direction: OrderDirection; first: Told['events'] }) {
  const found = usePages(`${type} ${id} ${direction}`, async (after, signal) => {
    if (after === null) return first;
    return (await ask(TrailPage, { type, id, direction, first: PAGE, after }, signal)).auditTrail.events;
  });
  let before = '';
  return (
    <div class="trail-main">
      <section class="timeline" aria-label="Timeline" aria-busy={found.state !== 'ready'}>
        {found.chunks.map((items, chunk) => {
          const outer = before;
          before = items.length > 0 ? dayOf((items.at(-1) as { createdAt: string }).createdAt) : before;
          return (
            <Chunk key={chunk}>
              {() => {
                let day = outer;
                return items.map((event, index) => {
                  const today = dayOf(event.createdAt);
                  const heading = today === day ? null : <h2 class="day" key={today}>{today}</h2>;
                  day = today;
                  return [heading, <Item key={event.id} event={event} place={chunk * PAGE + index + 1} trailOf={id} />];
                });
              }}
            </Chunk>
          );
        })}
      </section>
      {found.problem ? <ProblemNote problem={found.problem} again={found.again} /> : null}
      {found.hasMore && !found.problem && <More load={found.more} isBusy={found.state === 'more'} length={found.chunks.length} />}
      {found.state === 'ready' && !found.hasMore && !found.problem && <p class="end-of-list">That is all.</p>}
    </div>
  );
}

function Summary({ told, type, id }: { told: Told; type: string; id: string }) {
  const { totalCount } = told.events;
  return (
    <p class="lead">
      {counted(totalCount)} {totalCount.count === 1 ? 'event' : 'events'} by {plural(told.contributors.length, 'contributor')}
      {told.firstEvent && <>, first <Time at={told.firstEvent.createdAt} /></>}
      {told.lastEvent && <>, last <Time at={told.lastEvent.createdAt} /></>}
      {(type === 'agent' || type === 'user') && <>. <a href={href(['search'], { actor: id })}>Own actions</a></>}
    </p>
  );
}

function Of({ type, id }: { type: string; id: string }) {
  const direction: OrderDirection = route.value.params.get('order') === 'oldest' ? 'ASC' : 'DESC';
  const question = `${type} ${id} ${direction}`;
  const { data, problem, again } = useAnswer(question, async (signal) => {
    const { auditTrail } = await ask(Trail, { type, id, direction, first: PAGE }, signal);
    return { question, direction, told: auditTrail };
  });
  const told = data?.told;
  useEffect(() => {
    if (told?.entityName) {
      remember([[id, told.entityName]]);
      document.title = `${told.entityName} · Trailcast`;
    }
  }, [told]);
  if (problem) return <ProblemNote problem={problem} again={again} />;
  if (!data || !told) return <Loading rows={6} />;
  if (!told.firstEvent) {
    return (
      <Note icon="trail" title="No trail">
        <p>Nothing of this is in the log as far as you may see it: it does not exist, or you may not read its board.</p>
        <p><a href={href(['trail'])}>Choose another</a></p>
      </Note>
    );
  }
  return (
    <>
      <header class="view-head">
        <div>
          <p class="eyebrow"><a href={href(['trail'])}>Trail</a> · {type}</p>
          <h1>{told.entityName ?? id}</h1>
        </div>
        <div class="segments" role="group" aria-label="Order">
          <a href={withParams({ order: null })} aria-current={direction === 'DESC' ? 'true' : undefined}>Newest first</a>
          <a href={withParams({ order: 'oldest' })} aria-current={direction === 'ASC' ? 'true' : undefined}>Oldest first</a>
        </div>
      </header>
      <Summary told={told} type={type} id={id} />
      <div class="trail-columns">
        <Timeline key={data.question} type={type} id={id} direction={data.direction} first={told.events} />
        <Contributors told={told} type={type} id={id} />
      </div>
    </>
  );
}

export function TrailView() {
  const [, type, id] = route.value.path;
  return type && id ? <Of key={`${type} ${id}`} type={type} id={id} /> : <Chooser />;
}
