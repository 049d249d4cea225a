// What the tests of the pages use from npm. It is locked and installed with what the pages are built from (web/package-lock.json).
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
export const { chromium } = require('playwright-core');
export const axe = require('axe-core').source;
