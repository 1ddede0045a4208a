// Where fits are computed: in a worker, or where there are none in the page itself, a few milliseconds at a time.

class Fitter {
  /** A network at the pixels of one size of pictures; `heard` gets what `serve` in `f1_gradients.js` answers. */
  constructor(network, [height, width], heard) {
    Object.assign(this, { first: { kind: "network", network, height, width }, heard, latest: {} });
    try {
      this.#inWorker();
    } catch { // no workers, or a host that allows none of one's own
      this.#inPage();
    }
  }

  /** Asks for a fit or a picture; what was asked before of the same kind is not waited for any more. */
  ask(job) {
    this.latest[job.kind === "stop" ? "fit" : job.kind] = job;
    this.send(job);
  }

  close() {
    this.ask({ kind: "stop" });
    this.heard = () => {};
    this.#end();
  }

  #inWorker() {
    const program = `const answer = (${fittingProgram})().serve((said, buffers) => postMessage(said, buffers));
onmessage = ({ data }) => answer(data);`;
    this.url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    this.worker = new Worker(this.url);
    this.name = "worker";
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = (event) => { // refused by the page's policy, or ended
      event.preventDefault();
      this.#end();
      this.#inPage();
      for (const job of Object.values(this.latest)) this.send(job);
    };
    this.send = (job) => this.worker.postMessage(job, []);
    this.send(this.first);
  }

  #inPage() {
    this.name = "page";
    this.send = fittingProgram().serve((said) => this.heard(said));
    this.send(this.first);
  }

  #end() {
    this.worker?.terminate();
    this.worker = null;
    URL.revokeObjectURL(this.url);
  }
}
