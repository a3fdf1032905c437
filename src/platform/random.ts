/** Fills `bytes` from the kernel's random generator. */
export function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes);
}
