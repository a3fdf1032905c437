import type { Cancel, Files, Timers } from "../platform/ports.ts";

/** Half of the longest time until a change is seen; it must then look the same once more. */
export const watchEveryMs = 250;

export interface FileWatchPorts {
  readonly files: Pick<Files, "stamp">;
  readonly timers: Timers;
}

/**
 * Sees that a file was written or replaced, by an editor, a configuration management or a link to another folder that
 * was turned round. It asks for the file's stamp: notifications (inotify) belong to an inode and to the folders on the
 * way to it, and do not come from network file systems. A file that is missing for a while is waited for.
 */
export class FileWatch {
  readonly #ports: FileWatchPorts;
  readonly #path: string;
  readonly #onChange: () => void;
  /** As it was when it was last read, or when the watch began. */
  #known: string | undefined;
  /** As it looked at the last look, where that was not as known. */
  #fresh: string | undefined;
  #cancel: Cancel | undefined;

  constructor(ports: FileWatchPorts, path: string, onChange: () => void) {
    this.#ports = ports;
    this.#path = path;
    this.#onChange = onChange;
  }

  /** Begins or ends; a watch that is as asked goes on untouched. */
  set(isOn: boolean): void {
    if (isOn === (this.#cancel !== undefined)) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (!isOn) return;
    this.#known = this.#ports.files.stamp(this.#path);
    this.#cancel = this.#ports.timers.every(watchEveryMs, () => this.#look());
  }

  #look(): void {
    const now = this.#ports.files.stamp(this.#path);
    if (now === undefined || now === this.#known) {
      this.#fresh = undefined;
      return;
    }
    // Twice the same: whoever writes it has finished.
    if (now !== this.#fresh) {
      this.#fresh = now;
      return;
    }
    this.#known = now;
    this.#fresh = undefined;
    this.#onChange();
  }
}
