/** Whom passkeys are bound to: the host of the public address, or this very machine where none was set. */
export type RelyingParty = {
  id: string;
  name: string;
  /** Whether a page of this origin may use the passkeys. */
  isOrigin(origin: string): boolean;
};

/** @param publicUrl the public address; null binds passkeys to `localhost`, on whatever port */
export function relyingParty(publicUrl: string | null): RelyingParty {
  const name = 'Assay';
  if (publicUrl !== null) {
    return { id: new URL(publicUrl).hostname, name, isOrigin: (origin) => origin === publicUrl };
  }
  return { id: 'localhost', name, isOrigin: (origin) => /^https?:\/\/localhost(:\d{1,5})?$/.test(origin) };
}
