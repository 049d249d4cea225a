// Runs the audit of GraphQL over HTTP that npm graphql-http publishes, and prints each result as a line of JSON: [id, name, status].
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  console.log(JSON.stringify([audit.id, audit.name, result.status, result.reason ?? null]));
}
