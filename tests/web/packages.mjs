// What the tests and benchmarks of the pages use from npm. It is locked and installed with what the pages are built from (web/package-lock.json).
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
export const axe = require('axe-core').source;

const FLAGS = [
  '--no-sandbox', // the tests may run as root, and Chromium's sandbox does not
  '--disable-gpu',
  '--disable-dev-shm-usage', // containers have little of it
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost',
];

/** The machine's browser, which asks nothing of any host but this one. */
export function launch() {
  let executablePath;
  try {
    executablePath = execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome']).toString().trim();
  } catch {
    throw new Error('There is no Chromium here: run scripts/install-browser.');
  }
  return chromium.launch({ executablePath, args: FLAGS });
}
