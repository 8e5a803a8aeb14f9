/** What `s3://bucket/prefix` names; the prefix is empty or ends with a slash. */
export function readBucket(address: string): { bucket: string; prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(address) ?? [];
  return { bucket, prefix: prefix.replace(/\/*$/, prefix === '' ? '' : '/') };
}
