const ESCAPE = '\u001b';
const LAYOUT = ['\n', '\r', '\t'];
/** What follows the escape of colours and weights, which do no harm. */
const SGR = /^\[[\d;:]*m/;

/**
 * Text that a stranger wrote, made safe for a terminal: control characters and escape sequences that would move the
 * cursor, set the title or reach the clipboard show as symbols. Colours, tabs and line ends stay.
 */
export const visibleText = (text: string): string =>
  text.replace(/\p{Cc}/gu, (found, at: number) => {
    const isColour = found === ESCAPE && SGR.test(text.slice(at + 1, at + 32));
    return isColour || LAYOUT.includes(found) ? found : symbolOf(found);
  });

/** The same for one cell of a table: on one line, without colours. */
export const visibleCell = (text: string): string =>
  text.replace(/\p{Cc}+/gu, (found) => (LAYOUT.includes(found[0] ?? '') ? ' ' : [...found].map(symbolOf).join('')));

/** Unicode has pictures of the first 32 and of DEL; the others have none. */
function symbolOf(control: string): string {
  const code = control.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '␡' : '\uFFFD';
}
