/* Written by codegen.mjs from operations.graphql and schema.graphql: change those, then run `npm run codegen`. */

/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** Fields AND, lists OR (at most 200 values each). What is left out or null does not filter; an empty list matches nothing. What the caller may not see stays hidden whatever the filter. */
export type ActivityEventFilter = {
  /** Exact types. */
  eventType?: Array<string> | null | undefined;
  /** Types that begin with this, such as `task.`; 1 to 100 ASCII characters. */
  eventTypePrefix?: string | null | undefined;
  /** First segments of types. */
  category?: Array<string> | null | undefined;
  /** Actions. */
  action?: Array<string> | null | undefined;
  /** Outcomes. */
  outcome?: Array<Outcome> | null | undefined;
  /** Kinds of actor. */
  actorKind?: Array<ActorKind> | null | undefined;
  /** UUIDs of actors of any kind. */
  actorId?: Array<string> | null | undefined;
  /** UUIDs of agents that did it. */
  agentId?: Array<string> | null | undefined;
  /** UUIDs of users who did it. */
  userId?: Array<string> | null | undefined;
  /** UUIDs of boards. */
  boardId?: Array<string> | null | undefined;
  /** UUIDs of tasks. */
  taskId?: Array<string> | null | undefined;
  /** What it is about. */
  entity?: EntityInput | null | undefined;
  /** One request or run. */
  correlationId?: string | null | undefined;
  /** Recorded at this time or later. */
  since?: string | null | undefined;
  /** Recorded before this time. */
  until?: string | null | undefined;
  /** The message holds this text, in any case; 3 to 200 characters. */
  text?: string | null | undefined;
};

/** What kind of actor did it. */
export type ActorKind =
  /** An AI agent. */
  | 'AGENT'
  /** A person. */
  | 'USER'
  /** A program of the platform. */
  | 'SERVICE'
  /** The platform itself, without a program to name. */
  | 'SYSTEM';

/** The width of a point of a series, in the asked time zone. */
export type Bucket =
  /** One hour, from its first minute. */
  | 'HOUR'
  /** One calendar day; 23 or 25 hours where the clocks change. */
  | 'DAY'
  /** Seven days from Monday (ISO 8601). */
  | 'WEEK'
  /** One calendar month. */
  | 'MONTH';

/** What to break counts down by. */
export type Dimension =
  /** The event type. */
  | 'EVENT_TYPE'
  /** The first segment of the event type. */
  | 'CATEGORY'
  /** The action. */
  | 'ACTION'
  /** Who did it, of any kind. */
  | 'ACTOR'
  /** The agent that did it; events of others are left out. */
  | 'AGENT'
  /** The board; events without one are left out. */
  | 'BOARD'
  /** The task; events without one are left out. */
  | 'TASK';

/** Something that events are about, of any type that the platform names. */
export type EntityInput = {
  /** task, board, project, event, user, workspace, agent, or the platform's own; up to 50 characters. */
  type: string;
  /** Its id, up to 200 characters; UUIDs in any spelling. */
  id: string;
};

/** The order of a list, along `sequence`. */
export type OrderDirection =
  /** The oldest first. */
  | 'ASC'
  /** The newest first. */
  | 'DESC';

/** How it ended. */
export type Outcome =
  /** It was done. The default of every type that does not end in `failed`. */
  | 'SUCCESS'
  /** It was tried and went wrong. The default of types that end in `failed`; what error rates count. */
  | 'FAILURE'
  /** It was refused: by a rule, a person or a missing right. */
  | 'DENIED';

/** What is wrong with an input, for programs. New codes may be added. */
export type UserErrorCode =
  /** The value is not what the field takes; the message says what it takes. */
  | 'INVALID'
  /** The thing is absent or hidden from you: the two are never told apart. */
  | 'NOT_FOUND'
  /** You can see it, but may not do this with it. */
  | 'FORBIDDEN'
  /** The idempotency key or identity already stands for something else. */
  | 'CONFLICT'
  /** The value is beyond its bound; the message gives the bound with its unit. */
  | 'TOO_LARGE';

export type WhoFragment = { kind: ActorKind, id: string, name: string | null, role: string | null };

export type LineFragment = { id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { role: string | null, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, workspace: { id: string, name: string }, workspaces: Array<{ id: string, name: string }>, boards: Array<{ canWrite: boolean, board: { id: string, name: string, isDeleted: boolean } }> } };

export type EventsQueryVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type EventsQuery = { activityEvents: { nodes: Array<{ id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> }>, pageInfo: { hasNextPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type TotalQueryVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
}>;


export type TotalQuery = { activityEvents: { totalCount: { count: number, isExact: boolean } } };

export type ExportQueryVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type ExportQuery = { activityEvents: { nodes: Array<{ category: string, action: string, occurredAt: string, metadata: unknown, id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type EventQueryVariables = Exact<{
  id: string;
}>;


export type EventQuery = { activityEvent: { category: string, action: string, occurredAt: string, metadata: unknown, ipAddress: string | null, userAgent: string | null, id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, route: { name: string, params: unknown }, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> } | null };

export type LiveSubscriptionVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
  after?: string | null | undefined;
  since?: string | null | undefined;
}>;


export type LiveSubscription = { activityLogged: { id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> } };

export type TrailQueryVariables = Exact<{
  type: string;
  id: string;
  direction: OrderDirection;
  first: number;
  after?: string | null | undefined;
}>;


export type TrailQuery = { auditTrail: { entityName: string | null, firstEvent: { createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null } } | null, lastEvent: { createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null } } | null, contributors: Array<{ count: number, failed: number, lastEventAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null } }>, events: { nodes: Array<{ id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null }, totalCount: { count: number, isExact: boolean } } } };

export type TrailPageQueryVariables = Exact<{
  type: string;
  id: string;
  direction: OrderDirection;
  first: number;
  after?: string | null | undefined;
}>;


export type TrailPageQuery = { auditTrail: { events: { nodes: Array<{ id: string, cursor: string, sequence: string, eventType: string, outcome: Outcome, message: string | null, boardId: string | null, taskId: string | null, entityType: string, entityId: string, entityName: string | null, correlationId: string | null, createdAt: string, actor: { kind: ActorKind, id: string, name: string | null, role: string | null }, onBehalfOf: { kind: ActorKind, id: string, name: string | null, role: string | null } | null, board: { id: string, name: string } | null, task: { id: string, title: string } | null, changes: Array<{ path: string, before: unknown, after: unknown }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type HealthQueryVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
  since: string;
  until?: string | null | undefined;
  bucket: Bucket;
  timeZone: string;
}>;


export type HealthQuery = { activityMetrics: { total: number, failed: number, errorRatePct: number | null, series: Array<{ start: string, total: number, failed: number, errorRatePct: number | null, isPartial: boolean }>, types: Array<{ key: string, label: string | null, total: number, failed: number }>, agents: Array<{ key: string, label: string | null, total: number, failed: number }>, boards: Array<{ key: string, label: string | null, total: number, failed: number }> } };

export type FacetQueryVariables = Exact<{
  filter?: ActivityEventFilter | null | undefined;
  since: string;
  until?: string | null | undefined;
  by: Dimension;
}>;


export type FacetQuery = { activityMetrics: { breakdown: Array<{ key: string, label: string | null, total: number, failed: number }> } };

export type OutcomesQueryVariables = Exact<{
  all?: ActivityEventFilter | null | undefined;
  success?: ActivityEventFilter | null | undefined;
  failure?: ActivityEventFilter | null | undefined;
  denied?: ActivityEventFilter | null | undefined;
}>;


export type OutcomesQuery = { all: { totalCount: { count: number, isExact: boolean } }, success: { totalCount: { count: number, isExact: boolean } }, failure: { totalCount: { count: number, isExact: boolean } }, denied: { totalCount: { count: number, isExact: boolean } } };

export type EventTypesQueryVariables = Exact<{ [key: string]: never; }>;


export type EventTypesQuery = { eventTypes: Array<{ name: string, description: string }> };

export type TasksQueryVariables = Exact<{
  text?: string | null | undefined;
  boardId?: string | null | undefined;
  first: number;
}>;


export type TasksQuery = { tasks: { nodes: Array<{ id: string, title: string, isDeleted: boolean, board: { id: string, name: string } | null }> } };

export type ThingsQueryVariables = Exact<{
  text?: string | null | undefined;
}>;


export type ThingsQuery = { tasks: { nodes: Array<{ id: string, title: string, board: { id: string, name: string } | null }> }, boards: { nodes: Array<{ id: string, name: string }> }, agents: { nodes: Array<{ id: string, name: string, role: string | null }> }, users: { nodes: Array<{ id: string, name: string | null, role: string | null }> } };

export type AddCommentMutationVariables = Exact<{
  taskId: string;
  message: string;
  key: string;
}>;


export type AddCommentMutation = { addTaskComment: { comment: { id: string, cursor: string } | null, errors: Array<{ code: UserErrorCode, message: string }> } };

export type Operation<Data, Variables> = string & { readonly answers?: (variables: Variables) => Data };

export const Viewer = "query Viewer{viewer{actor{...Who}role workspace{id name}workspaces{id name}boards{canWrite board{id name isDeleted}}}}fragment Who on Actor{kind id name role}" as Operation<ViewerQuery, ViewerQueryVariables>;
export const Events = "query Events($filter:ActivityEventFilter$first:Int!$after:String){activityEvents(filter:$filter first:$first after:$after){nodes{...Line}pageInfo{hasNextPage startCursor endCursor}}}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}fragment Who on Actor{kind id name role}" as Operation<EventsQuery, EventsQueryVariables>;
export const Total = "query Total($filter:ActivityEventFilter){activityEvents(filter:$filter first:0){totalCount(exhaustive:true){count isExact}}}" as Operation<TotalQuery, TotalQueryVariables>;
export const Export = "query Export($filter:ActivityEventFilter$first:Int!$after:String){activityEvents(filter:$filter first:$first after:$after){nodes{...Line category action occurredAt metadata}pageInfo{hasNextPage endCursor}}}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}fragment Who on Actor{kind id name role}" as Operation<ExportQuery, ExportQueryVariables>;
export const Event = "query Event($id:ID!){activityEvent(id:$id){...Line category action occurredAt metadata ipAddress userAgent route{name params}}}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}fragment Who on Actor{kind id name role}" as Operation<EventQuery, EventQueryVariables>;
export const Live = "subscription Live($filter:ActivityEventFilter$after:String$since:DateTime){activityLogged(filter:$filter after:$after since:$since){...Line}}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}fragment Who on Actor{kind id name role}" as Operation<LiveSubscription, LiveSubscriptionVariables>;
export const Trail = "query Trail($type:String!$id:ID!$direction:OrderDirection!$first:Int!$after:String){auditTrail(entityType:$type entityId:$id){entityName firstEvent{createdAt actor{...Who}}lastEvent{createdAt actor{...Who}}contributors(first:12){actor{...Who}count failed lastEventAt}events(direction:$direction first:$first after:$after){nodes{...Line}pageInfo{hasNextPage endCursor}totalCount{count isExact}}}}fragment Who on Actor{kind id name role}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}" as Operation<TrailQuery, TrailQueryVariables>;
export const TrailPage = "query TrailPage($type:String!$id:ID!$direction:OrderDirection!$first:Int!$after:String){auditTrail(entityType:$type entityId:$id){events(direction:$direction first:$first after:$after){nodes{...Line}pageInfo{hasNextPage endCursor}}}}fragment Line on ActivityEvent{id cursor sequence eventType outcome message actor{...Who}onBehalfOf{...Who}boardId board{id name}taskId task{id title}entityType entityId entityName changes{path before after}correlationId createdAt}fragment Who on Actor{kind id name role}" as Operation<TrailPageQuery, TrailPageQueryVariables>;
export const Health = "query Health($filter:ActivityEventFilter$since:DateTime!$until:DateTime$bucket:Bucket!$timeZone:String!){activityMetrics(filter:$filter since:$since until:$until bucket:$bucket timeZone:$timeZone){total failed errorRatePct series{start total failed errorRatePct isPartial}types:breakdown(by:EVENT_TYPE first:8){key label total failed}agents:breakdown(by:AGENT first:8){key label total failed}boards:breakdown(by:BOARD first:8){key label total failed}}}" as Operation<HealthQuery, HealthQueryVariables>;
export const Facet = "query Facet($filter:ActivityEventFilter$since:DateTime!$until:DateTime$by:Dimension!){activityMetrics(filter:$filter since:$since until:$until bucket:MONTH){breakdown(by:$by first:200){key label total failed}}}" as Operation<FacetQuery, FacetQueryVariables>;
export const Outcomes = "query Outcomes($all:ActivityEventFilter$success:ActivityEventFilter$failure:ActivityEventFilter$denied:ActivityEventFilter){all:activityEvents(filter:$all first:0){totalCount(exhaustive:true){count isExact}}success:activityEvents(filter:$success first:0){totalCount(exhaustive:true){count isExact}}failure:activityEvents(filter:$failure first:0){totalCount(exhaustive:true){count isExact}}denied:activityEvents(filter:$denied first:0){totalCount(exhaustive:true){count isExact}}}" as Operation<OutcomesQuery, OutcomesQueryVariables>;
export const EventTypes = "query EventTypes{eventTypes{name description}}" as Operation<EventTypesQuery, EventTypesQueryVariables>;
export const Tasks = "query Tasks($text:String$boardId:ID$first:Int!){tasks(text:$text boardId:$boardId first:$first){nodes{id title board{id name}isDeleted}}}" as Operation<TasksQuery, TasksQueryVariables>;
export const Things = "query Things($text:String){tasks(text:$text first:8){nodes{id title board{id name}}}boards(text:$text first:5){nodes{id name}}agents(text:$text first:5){nodes{id name role}}users(text:$text first:5){nodes{id name role}}}" as Operation<ThingsQuery, ThingsQueryVariables>;
export const AddComment = "mutation AddComment($taskId:ID!$message:String!$key:String!){addTaskComment(taskId:$taskId message:$message idempotencyKey:$key){comment{id cursor}errors{code message}}}" as Operation<AddCommentMutation, AddCommentMutationVariables>;

