// Writes console/api/operations.ts: a type for each operation of operations.graphql, by schema.graphql, and its document as it is
// sent. `--check` writes nothing, and fails where the file is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildSchema, Kind, parse, print, stripIgnoredCharacters, visit } from 'graphql';

const here = import.meta.dirname;
const target = path.join(here, 'console/api/operations.ts');
const document = parse(readFileSync(path.join(here, 'console/api/operations.graphql'), 'utf8'));
const schema = buildSchema(readFileSync(path.join(here, '../schema.graphql'), 'utf8'));
const fragments = new Map(
  document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]),
);

/** The definition and the fragments that it uses, those of fragments too. */
function whole(definition, found = new Set([definition])) {
  visit(definition, {
    FragmentSpread({ name }) {
      const fragment = fragments.get(name.value);
      if (!found.has(fragment)) whole(fragment, found.add(fragment));
    },
  });
  return [...found];
}

const SCALARS = { ID: 'string', BigInt: 'string', DateTime: 'string', JSON: 'unknown' };
const types = await codegen({
  schema: parse(readFileSync(path.join(here, '../schema.graphql'), 'utf8')),
  schemaAst: schema,
  documents: [{ document, location: 'operations.graphql' }],
  config: { scalars: SCALARS, enumType: 'string-literal', skipTypename: true, arrayInputCoercion: false },
  plugins: [{ operations: {} }],
  pluginMap: { operations },
  filename: target,
});
const constants = document.definitions
  .filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  .map((node) => {
    const [name, kind] = [node.name.value, node.operation[0].toUpperCase() + node.operation.slice(1)];
    const text = stripIgnoredCharacters(whole(node).map(print).join('\n'));
    return `export const ${name} = ${JSON.stringify(text)} as Operation<${name}${kind}, ${name}${kind}Variables>;`;
  });
const text = [
  '/* Written by codegen.mjs from operations.graphql and schema.graphql: change those, then run `npm run codegen`. */',
  types.trim(),
  'export type Operation<Data, Variables> = string & { readonly answers?: (variables: Variables) => Data };',
  constants.join('\n'),
  '',
].join('\n\n');
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('console/api/operations.ts is not what operations.graphql and schema.graphql say: npm run codegen --prefix web');
    process.exit(1);
  }
} else writeFileSync(target, text);
