/** One setting: where it can be said, what it defaults to, how it is read. */
export type Setting<Value> = {
  /** Name on the command line, `--http-port`, and in `assay.toml`, `http.port`. */
  flag: string;
  toml: string;
  env: string;
  /** As text, for the reference; what is used when nobody says otherwise. */
  fallback: string;
  help: string;
  isSecret?: boolean;
  /** @throws Error with the rest of a sentence that starts with the setting's name */
  read(text: string): Value;
};

/** Declares a setting, keeping the type of its value. */
export const setting = <Value>(declared: Setting<Value>): Setting<Value> => declared;
