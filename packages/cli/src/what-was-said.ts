type Said<Options> = { [Name in keyof Options]?: Exclude<Options[Name], undefined> };

/** The options that were given, without those that were not. */
export const whatWasSaid = <Options extends object>(options: Options): Said<Options> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Said<Options>;
