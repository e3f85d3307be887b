app = 5
