// Bundles the console and the explorer into the folder that is given: NAME.html for each page, and in assets/ what they load,
// each file under a name with a hash of its content (so that browsers may keep it for ever), and gzipped beside it.
//
// Prints a line for each page: its name and the bytes, gzipped, of what it loads before it can show anything.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const here = import.meta.dirname;
const out = path.resolve(process.argv[2] ?? path.join(here, '../build/web'));
const PAGES = ['console', 'explorer'];
// What Monaco runs beside the page, by the label that it asks for.
const WORKERS = {
  editor: 'monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'monaco-graphql/esm/graphql.worker.js',
  json: 'monaco-editor/esm/vs/language/json/json.worker.js',
};
const OPTIONS = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  metafile: true,
  target: 'es2022',
  outdir: path.join(out, 'assets'),
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'linked',
  logLevel: 'warning',
};

const url = (file) => `/assets/${path.basename(file)}`;

async function buildWorkers() {
  const built = await esbuild.build({ ...OPTIONS, format: 'iife', entryPoints: WORKERS });
  const files = Object.keys(built.metafile.outputs).filter((file) => file.endsWith('.js'));
  return Object.fromEntries(
    Object.keys(WORKERS).map((label) => [label, url(files.find((file) => path.basename(file).startsWith(`${label}-`)))]),
  );
}

/** Each page by itself: together they would share files that hold what only the other one uses. */
async function buildPage(page, workers) {
  const { metafile } = await esbuild.build({
    ...OPTIONS,
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    entryPoints: [`${page}/${page}.tsx`],
    loader: { '.ttf': 'file', '.woff2': 'file' },
    define: { ...OPTIONS.define, WORKERS: JSON.stringify(workers) },
  });
  const [file, entry] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === `${page}/${page}.tsx`);
  const scripts = [...reached(metafile.outputs, file)];
  // What every page in English is set in, so that it does not change its letters while it is read.
  const fonts = Object.keys(metafile.outputs).filter((name) => path.basename(name).startsWith('inter-latin-wght-normal-'));
  const links = [
    `<link rel="stylesheet" href="${url(entry.cssBundle)}">`,
    ...fonts.map((font) => `<link rel="preload" href="${url(font)}" as="font" type="font/woff2" crossorigin>`),
    ...scripts.slice(1).map((script) => `<link rel="modulepreload" href="${url(script)}">`),
  ];
  const html = readFileSync(path.join(here, page, 'index.html'), 'utf8')
    .replace('<!-- assets -->', links.join('\n    '))
    .replace('<!-- script -->', `<script type="module" src="${url(file)}"></script>`);
  writeFileSync(path.join(out, `${page}.html`), html);
  const loaded = [...scripts, ...fonts, entry.cssBundle].map((name) => readFileSync(path.resolve(here, name)));
  const bytes = [Buffer.from(html), ...loaded].reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
  console.log(`${page}: ${bytes} bytes, gzipped`);
}

/** A script and what it imports, and that imports, before it runs. */
function reached(outputs, file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const { path: next, kind } of outputs[file].imports) if (kind === 'import-statement') reached(outputs, next, found);
  return found;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(path.join(out, 'assets'), { recursive: true });
const workers = await buildWorkers();
for (const page of PAGES) await buildPage(page, workers);
copyFileSync(path.join(here, 'favicon.svg'), path.join(out, 'favicon.svg'));
for (const name of readdirSync(path.join(out, 'assets'))) {
  const file = path.join(out, 'assets', name);
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
}
