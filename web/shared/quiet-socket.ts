/** A browser's WebSocket that says nothing of what it is given while it closes. graphql-ws waits for the acknowledgement, and then sends
 * what was asked for in the meantime, though its client may have been let go meanwhile: whoever signs out while the console connects, or
 * changes GraphiQL's headers. The browser drops such a message either way, and complains of it in the console.
 */
export class QuietSocket extends WebSocket {
  override send(data: string): void {
    if (this.readyState === WebSocket.OPEN) super.send(data);
  }
}
