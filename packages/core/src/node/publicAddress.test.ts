import { expect, it } from "vitest"
import { isPublicAddress } from "./publicAddress.ts"

it("tells public unicast addresses from all others", () => {
  const closed = [
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255",
    "192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255",
    ":: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1",
    "fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1 localhost 1 127.1 0x7f.1 8.8.8.8:80",
  ].flatMap((line) => line.split(" "))
  expect(["", ...closed].filter(isPublicAddress)).toEqual([])
  const open =
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.1.1.1 128.0.0.1 172.15.1.1 172.32.0.1 223.255.255.255 2606:4700::1111 2a00:1450::1 2001:4860:4860::8888"
  expect(open.split(" ").filter((address) => !isPublicAddress(address))).toEqual([])
})
