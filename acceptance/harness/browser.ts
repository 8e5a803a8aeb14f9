import { type Browser, chromium } from 'playwright-core';

/** Debian's browser; `scripts/setup-system.sh --with-tests` installs it. */
const PROGRAM = '/usr/bin/chromium';

/** Starts a browser. Its own sandbox needs rights that tests in a container do not have; it opens our pages only. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
