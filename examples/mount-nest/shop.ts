/** A module with one route. Written without decorators, which Node does not strip. */
import { Controller, Get, Module } from "@nestjs/common"

class ShopController {
  front(): string {
    return "the shop\n"
  }
}
Controller()(ShopController)
Get()(ShopController.prototype, "front", Object.getOwnPropertyDescriptor(ShopController.prototype, "front")!)

export class ShopModule {}
Module({ controllers: [ShopController] })(ShopModule)
