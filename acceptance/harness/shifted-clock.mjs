/*
 * Loaded into a server with `--import shifted-clock.mjs?ms=-3600000`: its clock then differs from that of the database
 * and of everybody else by so much. Only what reads the time is touched; timers run on as they are.
 */
const shift = Number(new URL(import.meta.url).searchParams.get('ms'));
const RealDate = Date;

globalThis.Date = class extends RealDate {
  /** @param {[]} given */
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + shift);
    else super(...given);
  }

  static now() {
    return RealDate.now() + shift;
  }
};
