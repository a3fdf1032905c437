import { linkVersion, type ToSupervisor, type ToWorker } from "../../model/link.ts";
import { listenUnix, type UnixPeer } from "../net/unix.ts";
import { encodeFrame, FrameReader } from "./frame.ts";

/** The supervisor's end of the link to one worker process. */
export interface WorkerLink {
  readonly index: number;
  readonly pid: number;
  readonly hello: Hello;
  send(message: ToWorker): void;
  close(): void;
}

export interface LinkServerHandlers {
  /** A worker introduced itself; nothing else of it comes before. */
  hello(link: WorkerLink): void;
  message(link: WorkerLink, message: ToSupervisor): void;
  closed(link: WorkerLink): void;
  /** Someone on the socket who does not speak the protocol, or another version of it; the connection is closed. */
  rejected(why: string): void;
}

/** Listens on a unix socket for workers. Throws where the socket cannot be made. */
export function listenForWorkers(path: string, handlers: LinkServerHandlers): { stop(): void } {
  const peers = new Map<UnixPeer, { readonly reader: FrameReader; link: WorkerLink | undefined }>();
  return listenUnix(path, {
    open: (peer) => void peers.set(peer, { reader: new FrameReader(), link: undefined }),
    data(peer, bytes) {
      const side = peers.get(peer);
      if (side === undefined) return;
      const messages = side.reader.push(bytes);
      if (typeof messages === "string") return reject(peer, messages);
      for (const message of messages as ToSupervisor[]) {
        if (side.link !== undefined) {
          handlers.message(side.link, message);
        } else {
          const why = wrongHello(message);
          if (why !== undefined) return reject(peer, why);
          side.link = linkOf(peer, message as Hello);
          handlers.hello(side.link);
        }
      }
    },
    close(peer) {
      const link = peers.get(peer)?.link;
      peers.delete(peer);
      if (link !== undefined) handlers.closed(link);
    },
  });

  function reject(peer: UnixPeer, why: string): void {
    handlers.rejected(why);
    peer.close();
  }
}

export type Hello = Extract<ToSupervisor, { kind: "hello" }>;

function linkOf(peer: UnixPeer, hello: Hello): WorkerLink {
  return {
    index: hello.index,
    pid: hello.pid,
    hello,
    send: (message) => void peer.write(encodeFrame(message)),
    close: () => peer.close(),
  };
}

function wrongHello(message: ToSupervisor): string | undefined {
  if (message?.kind !== "hello") return "no hello";
  return message.linkVersion === linkVersion ? undefined : `link version ${message.linkVersion}, wanted ${linkVersion}`;
}
