/** The next page is linked to by path; what identifies it is its cursor. */
export const cursorOf = (next: string | undefined): string | null =>
  next === undefined ? null : new URL(next, 'http://localhost').searchParams.get('cursor');
