/** The shelf: audit questions that run as they are. `variables` makes theirs from what the caller can see; lists are variables, because
 * the explorer plugin does not understand them where they stand in the text. */

export interface Sample {
  agent: string;
  board: string;
  task: string;
}

export interface Question {
  title: string;
  about: string;
  query: string;
  variables(sample: Sample): Record<string, unknown>;
}

export const SAMPLE = /* GraphQL */ `
  query Sample {
    boards(first: 1) { nodes { id } }
    tasks(first: 1) { nodes { id } }
    agents(first: 1) { nodes { id } }
  }
`;

const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

export const QUESTIONS: readonly Question[] = [
  {
    title: 'Newest failures',
    about: 'What went wrong last, who did it, and where.',
    query: `query NewestFailures($outcomes: [Outcome!], $first: Int!) {
  activityEvents(filter: { outcome: $outcomes }, first: $first) {
    totalCount { count isExact }
    nodes {
      createdAt
      eventType
      message
      actor { kind name role }
      board { name }
      task { title }
      correlationId
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: () => ({ outcomes: ['FAILURE'], first: 20 }),
  },
  {
    title: 'Everything about a task',
    about: 'Its whole history, field by field, and who contributed.',
    query: `query EverythingAboutATask($task: ID!) {
  auditTrail(entityType: "task", entityId: $task) {
    entityName
    firstEvent { createdAt actor { name } }
    lastEvent { createdAt actor { name } }
    contributors { actor { kind name role } count failed lastEventAt }
    events(first: 50) {
      nodes {
        sequence
        createdAt
        eventType
        outcome
        message
        actor { kind name }
        changes { path before after }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
`,
    variables: ({ task }) => ({ task }),
  },
  {
    title: 'What did this agent do in 7 days?',
    about: 'Every event of one agent, newest first, and how often it did what.',
    query: `query WhatDidThisAgentDo($agents: [ID!], $since: DateTime!) {
  activityEvents(filter: { agentId: $agents, since: $since }, first: 50) {
    totalCount { count isExact }
    nodes {
      createdAt
      eventType
      outcome
      message
      board { name }
      task { title }
      onBehalfOf { name }
    }
    pageInfo { hasNextPage endCursor }
  }
  activityMetrics(since: $since, filter: { agentId: $agents }) {
    total
    failed
    errorRatePct
    breakdown(by: EVENT_TYPE) { key total failed }
  }
}
`,
    variables: ({ agent }) => ({ agents: [agent], since: daysAgo(7) }),
  },
  {
    title: 'Error rate per day',
    about: 'Two weeks, in your time zone, empty days too.',
    query: `query ErrorRatePerDay($since: DateTime!, $timeZone: String!) {
  activityMetrics(since: $since, bucket: DAY, timeZone: $timeZone) {
    total
    failed
    errorRatePct
    series { start total failed errorRatePct isPartial }
    breakdown(by: AGENT, first: 10) { key label total failed }
  }
}
`,
    variables: () => ({ since: daysAgo(14), timeZone: zone() }),
  },
  {
    title: 'Who changed access?',
    about: 'Members that came, went or got other rights, and who saw to it.',
    query: `query WhoChangedAccess($first: Int!) {
  activityEvents(filter: { eventTypePrefix: "workspace.member" }, first: $first) {
    nodes {
      createdAt
      eventType
      actor { kind name role }
      entityType
      entityName
      changes { path before after }
      metadata
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: () => ({ first: 50 }),
  },
  {
    title: 'Follow the comments of a board',
    about: 'Yesterday’s first, then each as it is written. Stop it with the same button.',
    query: `subscription FollowComments($board: ID!, $since: DateTime) {
  commentAdded(boardId: $board, since: $since) {
    cursor
    createdAt
    author { kind name role }
    taskTitle
    message
  }
}
`,
    variables: ({ board }) => ({ board, since: daysAgo(1) }),
  },
];
