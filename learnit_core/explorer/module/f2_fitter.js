// Where fits are computed: in a worker, or where there are none in the page itself, a few milliseconds at a time.

const FITTING = { text: () => `(${fittingProgram})()`, made: () => fittingProgram() };

class Fitter {
  /**
   * Begins with the job `first`; `heard` gets what the program's `serve` answers. A program is made by `made()`, in a
   * worker from its `text()`.
   */
  constructor(first, heard, program = FITTING) {
    Object.assign(this, { first, heard, program, latest: {} });
    try {
      this.#inWorker();
    } catch { // no workers, or a host that allows none of one's own
      this.#inPage();
    }
  }

  /** Asks for something; what was asked before of the same `key` (its kind) is not waited for any more. */
  ask(job) {
    this.latest[job.key ?? job.kind] = job;
    this.send(job);
  }

  close() {
    this.ask({ kind: "stop", key: "fit" });
    this.heard = () => {};
    this.#end();
  }

  #inWorker() {
    const program = `const answer = ${this.program.text()}.serve((said, buffers) => postMessage(said, buffers));
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
    this.send = this.program.made().serve((said) => this.heard(said));
    this.send(this.first);
  }

  #end() {
    this.worker?.terminate();
    this.worker = null;
    URL.revokeObjectURL(this.url);
  }
}
