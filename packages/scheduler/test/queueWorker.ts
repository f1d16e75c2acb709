/** A worker as a process of its own, which a test kills. */
import { openProject } from "./jobProject.ts"
import { openQueue, type QueuePlace } from "./queueHosts.ts"

const { place, root } = JSON.parse(process.argv[2]!) as { readonly place: QueuePlace; readonly root: string }
const queue = await openQueue(place)
await queue.work(openProject(root, { keeps: true }))
process.stdout.write("works\n")
